// Requests to the server. Every error is a Failure with a problem (RFC 9457).

const UNREACHABLE = { title: "The server cannot be reached", detail: "check that it is running, and the network connection" };
const INCOMPLETE = { title: "The response is incomplete", detail: "the connection was lost before the end" };

export class Failure extends Error {
  constructor(problem) {
    super(problem.title);
    this.problem = problem;
  }
}

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return { title: `The server responded with ${response.status}`, detail: "" };
  }
}

async function open(path, options) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(UNREACHABLE);
  }
  if (!response.ok) throw new Failure(await problemOf(response));
  return response;
}

export async function call(path, method = "GET", content = undefined) {
  const options = { method };
  if (content !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(content);
  }
  const response = await open(path, options);
  try {
    return await response.json();
  } catch {
    throw new Failure(INCOMPLETE);
  }
}

// All items of a paged list: `name` is the member of the response that has the items.
export async function* pages(path, name) {
  let token = null;
  do {
    const page = await call(token ? `${path}?next_token=${encodeURIComponent(token)}` : path);
    yield* page[name];
    token = page.NextToken;
  } while (token);
}

// The values of an NDJSON stream.
export async function* lines(path, signal) {
  const response = await open(path, { signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Failure(INCOMPLETE);
    }
    if (piece.done) return;
    const whole = (rest + piece.value).split("\n");
    rest = whole.pop();
    for (const line of whole) {
      const value = JSON.parse(line);
      if (value.error) throw new Failure(value.error);
      yield value;
    }
  }
}

// Reads server-sent events. `on` has a function for each kind of event, and these:
// `ended(problem)`: the stream has ended, with a problem or null;
// `disconnected()`: the connection is lost, and the browser reconnects; `connected()`: the connection is open.
// Returns a function that stops reading.
export function follow(path, on) {
  const { ended, disconnected, connected, ...events } = on;
  const source = new EventSource(path);
  const end = (problem) => {
    source.close();
    ended(problem);
  };
  for (const [name, handle] of Object.entries(events)) {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
  source.addEventListener("open", connected);
  source.addEventListener("end", () => end(null));
  source.addEventListener("error", async (event) => {
    // The server's error event has data; the browser's own event of the same name has none.
    if (event.data !== undefined) return end(JSON.parse(event.data));
    if (source.readyState !== EventSource.CLOSED) return disconnected();
    // The response was not a stream. An EventSource does not give access to it, so the request is repeated.
    const control = new AbortController();
    try {
      await open(path, { signal: control.signal });
      end(INCOMPLETE);
    } catch (error) {
      end(error.problem ?? INCOMPLETE);
    } finally {
      control.abort();
    }
  });
  return () => source.close();
}
