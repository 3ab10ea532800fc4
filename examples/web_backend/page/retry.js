// When the page asks again by itself. A page that nobody sees asks nothing.

const FIRST = 10_000; // milliseconds
const LAST = 120_000;

export const isSeen = () => document.visibilityState === "visible";

// Between two requests for what is not complete yet.
export async function pause(milliseconds) {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  while (!isSeen()) {
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
}

// What failed is tried again after 10 seconds, and then more and more rarely.
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

  isDue() {
    return performance.now() >= this.due && isSeen();
  }
}
