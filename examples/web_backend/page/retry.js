// When what failed is tried again in the background: after 10 seconds, and then more and more rarely.

const FIRST = 10_000; // milliseconds
const LAST = 120_000;

export class Retry {
  pause = FIRST;
  due = Infinity;

  failed() {
    this.due = performance.now() + this.pause;
    this.pause = Math.min(LAST, this.pause * 2);
  }

  succeeded() {
    this.pause = FIRST;
    this.due = Infinity;
  }

  // A page that nobody sees asks nothing.
  isDue() {
    return performance.now() >= this.due && document.visibilityState === "visible";
  }
}
