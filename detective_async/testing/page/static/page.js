// Polls the state every second, and shows it. `view.js` says how.

import { render } from "./parts/index.js";
import { view } from "./view.js";

const POLL_INTERVAL = 1000; // milliseconds from a response to the next request
const REQUEST_TIMEOUT = 5000; // milliseconds

const selection = { graph: null, status: "", offsets: {} };
const shown = { found: null, selection, connection: { kind: "wait", text: "Connecting" }, paused: false };
let lastRequest = 0; // the number of the latest request; responses to earlier ones are ignored
let timer = null;
let latest = null; // the time of the latest state, by the browser's clock
let focusGraph = false; // whether to focus the details of the selected graph when they have been rendered

// ---- rendering

function draw() {
  const focused = document.activeElement;
  const section = focused?.closest("section");
  render(view(shown, on), document.body);
  document.title = shown.connection.kind === "bad" ? "Disconnected: Detective simulator" : "Detective simulator";
  // If what had the focus was removed, a heading gets it; otherwise it would move to the top of the page.
  if (focused !== document.body && !focused?.isConnected) {
    heading(section?.isConnected ? section.getAttribute("aria-labelledby") : "graphs-title");
  }
}

function heading(id) {
  document.getElementById(id)?.focus();
}

function showConnection(kind, text) {
  shown.connection = { kind, text };
  draw();
}

const on = {
  turn(name, offset) {
    selection.offsets[name] = offset;
    refresh();
  },
  filter(status) {
    selection.status = status;
    selection.offsets.members = 0;
    refresh();
  },
  pause() {
    shown.paused = !shown.paused;
    if (!shown.paused) return refresh();
    lastRequest += 1;
    clearTimeout(timer);
    return showConnection("plain", "Paused");
  },
};

// ---- polling

function parameters() {
  const query = new URLSearchParams();
  if (selection.graph) query.set("graph", selection.graph);
  if (selection.status) query.set("status", selection.status);
  for (const [name, offset] of Object.entries(selection.offsets)) if (offset) query.set(name, offset);
  return query;
}

async function refresh() {
  clearTimeout(timer);
  const thisRequest = ++lastRequest;
  let body = null;
  let problem = "No response from the server";
  try {
    const fetched = await fetch(`state.json?${parameters()}`, {
      cache: "no-store",
      signal: AbortSignal.timeout(REQUEST_TIMEOUT),
    });
    if (fetched.ok) body = await fetched.text();
    else problem = `Error ${fetched.status} from the server`;
  } catch {
    // The connection failed or timed out: `problem` says so already.
  }
  if (thisRequest !== lastRequest) return;
  if (body !== null) problem = show(body);
  if (problem === null) {
    latest = new Date();
    if (focusGraph) heading("graph-title");
  } else {
    const since = latest ? `; showing the state of ${latest.toTimeString().slice(0, 8)}` : "";
    showConnection("bad", `${problem}${since}. ${shown.paused ? "Paused" : "Retrying"}`);
  }
  focusGraph = false;
  schedule();
}

// Returns null, or the problem with a response; whatever a server or proxy answers, polling must go on.
function show(body) {
  const before = { ...shown };
  try {
    shown.found = JSON.parse(body);
    shown.connection = { kind: shown.paused ? "plain" : "good", text: shown.paused ? "Paused" : "Live" };
    draw();
    // The server returns the last page if the requested one does not exist any more.
    for (const name of Object.keys(selection.offsets)) {
      selection.offsets[name] = (shown.found[name] ?? shown.found.graph?.[name])?.offset ?? 0;
    }
    return null;
  } catch (error) {
    console.warn("the state cannot be shown:", error);
    Object.assign(shown, before);
    return "Malformed response from the server";
  }
}

function schedule() {
  clearTimeout(timer);
  if (!shown.paused && !document.hidden) timer = setTimeout(refresh, POLL_INTERVAL);
}

function selectGraph() {
  selection.graph = new URLSearchParams(location.hash.slice(1)).get("graph");
  selection.offsets.members = 0;
  selection.status = "";
}

document.addEventListener("click", (event) => {
  // The link of the selected graph does not change the location, so that no hashchange event follows. Clicks with a
  // modifier key open a new tab or window.
  const anchor = event.target.closest("a");
  if (!anchor?.hash || anchor.hash !== location.hash || event.ctrlKey || event.metaKey || event.shiftKey) return;
  focusGraph = true;
  refresh();
});
window.addEventListener("hashchange", () => {
  focusGraph = true;
  selectGraph();
  refresh();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else if (!shown.paused) refresh();
});
document.body.replaceChildren();
selectGraph();
draw();
refresh();
