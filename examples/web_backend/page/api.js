// Asking the server. What goes wrong is a Failure that holds a problem (RFC 9457), whoever found it.

const GONE = { title: "The server is gone", detail: "no answer came; is it running, and the network up?" };
const BROKEN = { title: "The answer broke off", detail: "the connection ended before it was complete" };

export class Failure extends Error {
  constructor(problem) {
    super(problem.title);
    this.problem = problem;
  }
}

async function problemOf(answer) {
  try {
    return await answer.json();
  } catch {
    return { title: `The server answered ${answer.status}`, detail: "" };
  }
}

async function open(path, how) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...how });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(GONE);
  }
  if (!answer.ok) throw new Failure(await problemOf(answer));
  return answer;
}

export async function ask(path, method = "GET", content = undefined) {
  const how = { method };
  if (content !== undefined) {
    how.headers = { "Content-Type": "application/json" };
    how.body = JSON.stringify(content);
  }
  const answer = await open(path, how);
  try {
    return await answer.json();
  } catch {
    throw new Failure(BROKEN);
  }
}

// All pages of a list: `name` is the member that holds the items.
export async function* pages(path, name) {
  let token = null;
  do {
    const page = await ask(token ? `${path}?next_token=${encodeURIComponent(token)}` : path);
    yield* page[name];
    token = page.NextToken;
  } while (token);
}

// The lines of an NDJSON stream, as values.
export async function* lines(path, signal) {
  const answer = await open(path, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Failure(BROKEN);
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

// Follow server-sent events. `on` has a function for each kind of event, and beside these
// `ended(problem)`: the stream is over, with a problem or null; `lost()`: the connection is, and is being made again;
// `back()`: it is there.
// Returns a function that stops it.
export function follow(path, on) {
  const { ended, lost, back, ...events } = on;
  const source = new EventSource(path);
  const end = (problem) => {
    source.close();
    ended(problem);
  };
  for (const [name, tell] of Object.entries(events)) {
    source.addEventListener(name, (event) => tell(JSON.parse(event.data)));
  }
  source.addEventListener("open", back);
  source.addEventListener("end", () => end(null));
  source.addEventListener("error", async (event) => {
    // The server's word for what went wrong has data; the browser's own event of that name has none.
    if (event.data !== undefined) return end(JSON.parse(event.data));
    if (source.readyState !== EventSource.CLOSED) return lost();
    // The answer was no stream, and an EventSource does not tell what it was.
    const control = new AbortController();
    try {
      await open(path, { signal: control.signal });
      end(BROKEN);
    } catch (error) {
      end(error.problem ?? BROKEN);
    } finally {
      control.abort();
    }
  });
  return () => source.close();
}
