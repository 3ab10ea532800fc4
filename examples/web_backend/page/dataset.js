// The rows that a stream of the server has: `phase` says what is known of them, and old rows stay until there are new
// ones. A load that failed is repeated when its view is entered, and after a while in the background.
//
// idle: nobody asked. loading: the answer is under way; the rows are older ones, or those that have come so far.
// ready: the rows are complete, as of `time`. failed: `problem` says why; the rows are what is left of older ones.

import { MALFORMED, lines } from "./api.js";
import { failureOf, mapOf, numberIn, withNumbers } from "./records.js";
import { changed } from "./store.js";
import { Retry, isSeen } from "./retry.js";

// Of when the oldest row is, if all of them are older than the latest answer: then its time says nothing of them.
export function allOldSince(rows) {
  if (!rows.length || rows.some((row) => !row.stale)) return null;
  return rows.reduce((oldest, { stale }) => (stale < oldest ? stale : oldest), rows[0].stale);
}

export class Dataset {
  phase = "idle";
  failures = []; // the accounts and regions that could not be read
  surveyId = null; // of the latest answer
  readyAt = 0; // when that answer was complete, by the browser
  time = null; // of when the complete rows are: the start of their survey, or of what it has kept
  oldSince = null; // if all rows are older, as nothing newer was read: of when the oldest one is
  problem = null;
  progress = null; // accounts and regions that have answered, and all of them
  began = 0; // when the latest request was sent
  paused = false; // the page is hidden, and reads on when it is seen
  outdated = false; // something was changed since, so that the server has to ask AWS again
  retry = new Retry();
  shown = new Map();
  list = [];

  // `address(fresh)`: the path; `read(line)` returns a row; `key(row)` names it, and `owner(row)` is the account and
  // the region that it comes from.
  // `isUnknown(row)`: whether it only says that nothing is known.
  constructor({ address, read, key, owner, isUnknown = () => false }) {
    Object.assign(this, { address, read, key, owner, isUnknown });
    // A page that nobody sees would take connections from the other windows of its browser, too.
    document.addEventListener("visibilitychange", () => {
      if (!isSeen()) this.pause();
      else if (this.paused) this.enter();
    });
  }

  // The same array as long as no row has changed.
  get rows() {
    if (this.list === null) this.list = [...this.shown.values()];
    return this.list;
  }

  get loading() {
    return this.phase === "loading";
  }

  show(rows) {
    this.shown = rows;
    this.list = null;
  }

  // Replaces a row that is shown.
  replace(row) {
    this.shown.set(this.key(row), row);
    this.list = null;
  }

  // A view that shows the rows is entered. `other`: a dataset that is made from the same surveys, such as that of the
  // fleet, which may have a later one already.
  enter(other = null) {
    if (this.outdated && !this.loading) this.load({ fresh: true });
    else if (this.phase === "ready" && other?.readyAt > this.readyAt && other.surveyId !== this.surveyId) {
      this.load({ quiet: true });
    } else if (this.phase === "idle" || this.phase === "failed") this.load({ quiet: true });
  }

  // The view is left: a stream that nobody sees would take one of the few connections that a browser has to a server.
  // The server goes on for a while, and a reader that comes back gets what it has found.
  leave() {
    this.pause();
    this.paused = false;
  }

  pause() {
    if (!this.loading) return;
    this.stop();
    this.phase = "idle";
    this.outdated ||= this.fresh;
    this.paused = true;
  }

  stop() {
    this.control?.abort();
  }

  tryAgain() {
    if (this.phase === "failed" && this.retry.isDue()) this.load({ quiet: true });
  }

  restart({ fresh, quiet }) {
    Object.assign(this, {
      phase: "loading",
      problem: quiet ? this.problem : null,
      progress: quiet ? this.progress : null,
      began: performance.now(),
    });
    this.fresh = fresh;
    this.paused = false;
    if (fresh) this.outdated = false;
    changed();
  }

  fail(problem) {
    Object.assign(this, { phase: "failed", problem });
    this.retry.failed();
  }

  succeed(time) {
    Object.assign(this, { phase: "ready", problem: null, time, readyAt: performance.now() });
    this.retry.succeeded();
  }

  // `fresh`: whether the server has to ask AWS again. `quiet`: whether a problem stays until there is an answer, and
  // how far the latest one was.
  async load({ fresh = false, quiet = false } = {}) {
    this.stop();
    const control = (this.control = new AbortController());
    const found = new Map();
    const failures = [];
    this.restart({ fresh, quiet });
    if (!isSeen()) return this.pause();
    // The first answer is shown while it comes; a later one replaces the rows at its end.
    const first = this.time === null && this.shown.size === 0;
    if (first) {
      this.failures = failures;
      this.show(found);
    }
    try {
      const stream = lines(this.address(fresh), { signal: control.signal });
      for (;;) {
        const { value, done } = await stream.next();
        if (control.signal.aborted) return;
        if (done) {
          this.finish(found, failures, value);
          break;
        }
        this.problem = null;
        if (value.Begin) {
          Object.assign(this, {
            surveyId: value.Begin.SurveyId,
            progress: { Done: 0, Total: withNumbers(value.Begin, ["Total"]).Total },
          });
        } else if (value.Progress) this.progress = mapOf(value.Progress, numberIn);
        else if (value.Failure !== undefined) failures.push(failureOf(value));
        else {
          const row = this.read(value);
          found.set(this.key(row), row);
        }
        if (first) this.list = null;
        changed();
      }
    } catch (error) {
      if (control.signal.aborted) return;
      // Anything else than a problem is an answer that nobody has foreseen.
      this.fail(error.problem ?? MALFORMED);
    }
    changed();
  }

  // Where an account and region failed, its old rows stay, and say how old they are.
  finish(found, failures, end) {
    const failed = new Set(failures.map((one) => `${one.AccountId} ${one.Region}`));
    if (this.time !== null) {
      for (const [name, row] of this.shown) {
        const next = found.get(name);
        if (next ? this.isUnknown(next) && !this.isUnknown(row) : failed.has(this.owner(row))) {
          found.set(name, { ...row, stale: row.stale ?? this.time });
        }
      }
    }
    const known = [...found.values()].filter((row) => !this.isUnknown(row));
    this.oldSince = allOldSince(known);
    // In one order, whichever has answered first.
    this.show(new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1))));
    Object.assign(this, { failures, progress: null });
    this.succeed(end.StartedTime);
  }
}
