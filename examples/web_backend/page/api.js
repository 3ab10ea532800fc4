// Requests to the server. Every error is a Failure with a problem (RFC 9457), and nothing waits for ever: the server
// says after how long it may be given up, and until then the reader is told how long it has been.

import { problemOf } from "./records.js";

// In seconds: `Silence` for a stream that says nothing, `Answer` for a document, `Plan` for a plan, `File` for a file.
const limits = { Silence: 15, Answer: 15, Plan: 15, File: 15 }; // until the settings are known
export const setLimits = (found) => Object.assign(limits, found);

const UNREACHABLE = {
  title: "The server cannot be reached",
  detail: "check that it is running, and the network connection",
};
const INCOMPLETE = { title: "The response is incomplete", detail: "the connection was lost before the end" };
export const MALFORMED = { title: "The response cannot be read", detail: "it is not what the server promises" };
const EMPTY = {
  title: "The response is empty",
  detail: "something between this page and the server may have dropped it",
};
const FOREIGN = {
  title: "The response is not the server's",
  detail: "something in between has answered, such as a proxy or a page to sign in: reload this page",
};
const silent = (limit) => ({ title: "The server does not answer", detail: `nothing has come for ${limit} seconds` });

// A mistake in the server's settings or keys has a code of its own: "Internal Server Error" would say nothing of it.
function named(given) {
  const problem = problemOf(given);
  return problem.status === 500 && problem.code
    ? { ...problem, title: problem.code.replace(/Exception$/, "") }
    : problem;
}

export class Failure extends Error {
  // `isAnswer`: whether the server itself has said so.
  constructor(problem, isAnswer = false) {
    super("The request failed");
    this.problem = named(problem);
    this.isAnswer = isAnswer;
  }
}

// Builds a path of the API: what is inserted can only be one segment of it.
export const path = (parts, ...ids) => String.raw({ raw: parts }, ...ids.map(segment));

function segment(id) {
  if (/^\.{0,2}$/.test(id)) throw new Failure({ title: "The address is malformed", detail: "an id is missing" });
  return encodeURIComponent(id);
}

// Calls `late` once there was no sign of life for `limit` seconds. Signs come by the thousand, so they are cheap.
function limited(limit, late) {
  let last = performance.now();
  const timer = setInterval(() => {
    if (performance.now() - last < limit * 1000) return;
    clearInterval(timer);
    late();
  }, 1000);
  return {
    alive() {
      last = performance.now();
    },
    done: () => clearInterval(timer),
  };
}

// Stops a request that is silent. `alive` is called with every sign of life; `stopped` says who stopped it.
function watchdog(limit, signal) {
  const control = new AbortController();
  const watch = { control, late: false };
  const abort = () => control.abort();
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  const life = limited(limit, () => {
    watch.late = true;
    control.abort();
  });
  watch.alive = life.alive;
  watch.done = () => {
    life.done();
    signal?.removeEventListener("abort", abort);
  };
  // Our own time limit is a problem; a newer request that replaces this one is none.
  watch.failure = (error, otherwise) => {
    if (watch.late) return new Failure(silent(limit));
    if (error instanceof Failure || error.name === "AbortError") return error;
    return new Failure(otherwise);
  };
  return watch;
}

// `form`: the media type that is expected; a proxy's page of HTML may come with 200 too.
async function open(address, form, options, watch) {
  let response;
  try {
    response = await fetch(address, { cache: "no-store", ...options, signal: watch.control.signal });
  } catch (error) {
    throw watch.failure(error, UNREACHABLE);
  }
  watch.alive();
  if (response.ok) {
    if (response.headers.get("Content-Type")?.split(";")[0] !== form) throw new Failure(FOREIGN);
    return response;
  }
  let problem;
  try {
    problem = await response.json();
  } catch {
    problem = null;
  }
  if (problem?.title) throw new Failure(problem, true);
  throw new Failure({ title: `The server responded with ${response.status}`, detail: "" });
}

// `read(document)` returns it as the page works with it; where it throws, the response cannot be read.
export async function call(address, { method = "GET", body, limit = "Answer", signal, read = (found) => found } = {}) {
  const watch = watchdog(limits[limit], signal);
  const options = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  try {
    const response = await open(address, "application/json", options, watch);
    const text = await response.text().catch((error) => {
      throw watch.failure(error, INCOMPLETE);
    });
    let found;
    try {
      found = JSON.parse(text);
    } catch {
      throw new Failure(text ? INCOMPLETE : EMPTY);
    }
    try {
      return read(found);
    } catch {
      throw new Failure(MALFORMED);
    }
  } catch (error) {
    const unsure = method !== "GET" && error instanceof Failure && !error.isAnswer;
    throw unsure ? new Failure({ ...error.problem, outcome_unknown: true }) : error;
  } finally {
    watch.done();
  }
}

const FORMS = new Map([
  ["csv", "text/csv"],
  ["ndjson", "application/x-ndjson"],
]);

// A file, with the name that the server gives it.
export async function file(address) {
  const watch = watchdog(limits.File);
  try {
    const response = await open(address, FORMS.get(/\.(\w+)(\?|$)/.exec(address)[1]), {}, watch);
    const body = await response.blob().catch((error) => {
      throw watch.failure(error, INCOMPLETE);
    });
    return { name: /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition"))?.[1] ?? "", body };
  } finally {
    watch.done();
  }
}

// All items of a paged list: `name` is the member of the response that has the items, and `read(page)` as in `call`.
export async function* pages(address, name, read) {
  let token = null;
  do {
    const page = await call(token ? `${address}?next_token=${encodeURIComponent(token)}` : address, { read });
    yield* page[name];
    // It would be asked for without end.
    if (token && page.NextToken === token) throw new Failure(MALFORMED);
    token = page.NextToken;
  } while (token);
}

// A long answer must not keep the page from reacting to its reader.
const SLICE = 10; // milliseconds
const breath = () => new Promise((resolve) => setTimeout(resolve));

// The values of an NDJSON stream. The first line is `{"Begin": ...}`: a body without it is not the server's. The last
// one is `{"End": ...}`, which is returned: a body without it was cut off.
export async function* lines(address, { signal }) {
  const watch = watchdog(limits.Silence, signal);
  try {
    const response = await open(address, "application/x-ndjson", {}, watch);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let found = 0; // items and failures
    let begun = false;
    let began = performance.now();
    for (;;) {
      const piece = await reader.read().catch((error) => {
        throw watch.failure(error, INCOMPLETE);
      });
      if (piece.done) throw new Failure(begun || rest ? INCOMPLETE : EMPTY);
      // What keeps a connection from being closed says nothing of the server.
      if (piece.value.trim()) watch.alive();
      const whole = (rest + piece.value).split("\n");
      rest = whole.pop();
      for (const line of whole) {
        if (performance.now() - began > SLICE) {
          await breath();
          began = performance.now();
        }
        if (!line.trim()) continue;
        let value;
        try {
          value = JSON.parse(line);
        } catch {
          throw new Failure(MALFORMED);
        }
        if (value === null || typeof value !== "object") throw new Failure(MALFORMED);
        if (value.error) throw new Failure(value.error, true);
        if (value.Begin) begun = true;
        if (!begun) throw new Failure(MALFORMED);
        if (value.End) {
          if (value.End.Lines !== found) throw new Failure(INCOMPLETE);
          return value.End;
        }
        if (!value.Begin && !value.Progress) found += 1;
        yield value;
      }
    }
  } finally {
    watch.done();
    watch.control.abort();
  }
}

// Reads server-sent events. `on` has a function for each kind of event, and these:
// `ended(problem)`: the stream has ended, with a problem or null;
// `disconnected()`: the connection is lost, and the browser reconnects; `connected()`: the connection is open.
// Returns a function that stops reading.
export function follow(address, on) {
  const { ended, disconnected, connected, ...events } = on;
  const source = new EventSource(address);
  let over = false;
  let begun = false; // the first event is `begin`
  const end = (problem) => {
    if (over) return;
    over = true;
    done();
    source.close();
    ended(problem && named(problem));
  };
  const { alive, done } = limited(limits.Silence, () => end(silent(limits.Silence)));
  // Events may come by the thousand: they are handled a few milliseconds at a time, in order.
  const queue = [];
  let working = false;
  const work = async () => {
    working = true;
    let from = performance.now();
    for (let next = 0; next < queue.length && !over; next += 1) {
      const [handle, text, name] = queue[next];
      try {
        const value = JSON.parse(text);
        if (name === "begin") begun = true;
        if (!begun && !["error", "lost"].includes(name)) throw new SyntaxError("no begin");
        if (handle !== end && (value === null || typeof value !== "object")) throw new SyntaxError("no object");
        handle(value);
      } catch {
        // No JSON, or not what the page can work with.
        end(MALFORMED);
      }
      if (performance.now() - from > SLICE) {
        await breath();
        from = performance.now();
      }
    }
    queue.length = 0;
    working = false;
  };
  const put = (handle, text, name) => {
    queue.push([handle, text, name]);
    if (!working) work();
  };
  const read = (event, handle) => {
    alive();
    put(handle, event.data, event.type);
  };
  for (const [name, handle] of Object.entries(events)) source.addEventListener(name, (event) => read(event, handle));
  source.addEventListener("alive", alive);
  // No sign of life: the browser opens a stream that is always empty again and again.
  source.addEventListener("open", connected);
  source.addEventListener("end", () => read({ data: "null", type: "end" }, end));
  source.addEventListener("error", async (event) => {
    if (over) return;
    // The server's error event has data; the browser's own event of the same name has none.
    if (event.data !== undefined) return read(event, end);
    // After the events that have come: one of them may be the end.
    if (source.readyState !== EventSource.CLOSED) return put(disconnected, "{}", "lost");
    // The response was not a stream. An EventSource does not give access to it, so the request is repeated.
    const watch = watchdog(limits.Silence);
    try {
      await open(address, "text/event-stream", {}, watch);
      end(INCOMPLETE);
    } catch (error) {
      end(error.problem ?? INCOMPLETE);
    } finally {
      watch.done();
      watch.control.abort();
    }
  });
  return () => {
    over = true;
    done();
    source.close();
  };
}
