// Polls the state every second, and updates only the nodes whose content has changed, so that focus and scroll position
// are kept. Data of the simulator is inserted as text, never as markup.

const POLL_INTERVAL = 1000; // milliseconds from a response to the next request
const REQUEST_TIMEOUT = 5000; // milliseconds

const KINDS = {
  ENABLED: "good",
  SUCCESSFUL: "good",
  STARTED: "good",
  VERIFICATION_IN_PROGRESS: "wait",
  INVITED: "wait",
  RUNNING: "wait",
  VERIFICATION_FAILED: "bad",
  ACCEPTED_BUT_DISABLED: "bad",
  FAILED: "bad",
  HIGH: "bad",
  CRITICAL: "bad",
};
const STATUSES = ["VERIFICATION_IN_PROGRESS", "VERIFICATION_FAILED", "INVITED", "ENABLED", "ACCEPTED_BUT_DISABLED"];
// The maximum number of tags in the row of a graph; its details show all of them.
const MAX_TAGS = 3;

const selection = { graph: null, status: "", offsets: {} };
let lastRequest = 0; // the number of the latest request; responses to earlier ones are ignored
let timer = null;
let paused = false;
let latest = null; // the time of the latest state, by the browser's clock
let focusGraph = false; // whether to focus the details of the selected graph when they have been rendered

const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const count = (value) => number.format(value);
const element = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};
const sum = (counts) => Object.values(counts).reduce((total, one) => total + one, 0);
const day = (time) => time.slice(0, 10);
const clock = (time) => time.slice(11, 19);
const moment = (time) => `${day(time)} ${clock(time)}`;

// ---- changes to the document; all of them skip nodes that need no change

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

function onlyChild(parent, tag) {
  if (parent.firstElementChild?.localName !== tag) parent.replaceChildren(element(tag));
  return parent.firstElementChild;
}

// Updates the children of a node from a list, by key: children that remain are neither replaced nor moved. Children that
// are added are marked as new, unless another page of the list is shown.
function reconcile(parent, items, key, tag, fill, page = "") {
  const old = new Map();
  for (const child of parent.children) old.set(child.dataset.key, child);
  const otherPage = parent.dataset.page !== page;
  parent.dataset.page = page;
  const wanted = new Set(items.map(key));
  for (const [name, child] of old) if (!wanted.has(name)) child.remove();
  items.forEach((item, index) => {
    const name = key(item);
    let child = old.get(name);
    if (child === undefined) {
      child = element(tag);
      child.dataset.key = name;
      if (!otherPage) child.classList.add("new");
    }
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
    fill(child, item);
  });
}

function badge(node, text, kind) {
  setAttribute(node, "class", "badge");
  setAttribute(node, "data-kind", kind ?? KINDS[text] ?? "plain");
  setText(node, text);
}

function badges(node, items, tag = "span") {
  reconcile(node, items, (item) => item.key ?? item.text, tag, (child, item) => badge(child, item.text, item.kind));
}

function badgeCell(cell, items) {
  const list = onlyChild(cell, "span");
  list.classList.add("badges");
  badges(list, items);
}

function tags(pairs) {
  return pairs.map(([name, value]) => ({ key: `tag ${name}`, text: `${name}=${value}`, kind: "plain" }));
}

function statuses(counts) {
  const known = STATUSES.filter((status) => counts[status]);
  return known.map((status) => ({ text: `${status} ${count(counts[status])}`, kind: KINDS[status] }));
}

// ---- tables: columns are pairs of a heading and a function that fills a cell from an item

const text = (get) => (cell, item) => setText(cell, get(item) ?? "");
const longText = (get) => (cell, item) => {
  cell.classList.add("long");
  setText(cell, get(item) ?? "");
};
const figure = (get) => (cell, item) => {
  cell.classList.add("number");
  setText(cell, get(item) ?? "");
};
const state = (get) => (cell, item) => {
  const value = get(item);
  if (value) badge(onlyChild(cell, "span"), value);
  else setText(cell, "");
};
const when = (get, show) => (cell, item) => {
  const value = get(item);
  cell.classList.add("wraps");
  const time = onlyChild(cell, "time");
  setAttribute(time, "datetime", value);
  setText(time, value ? show(value) : "");
};

const place = (graph) => `${graph.administrator}, ${graph.region}`;

function address(arn) {
  return `#${new URLSearchParams({ graph: arn })}`;
}

function link(cell, arn, name) {
  cell.classList.add("wraps");
  const anchor = onlyChild(cell, "a");
  setAttribute(anchor, "href", address(arn));
  setText(anchor, name);
  return anchor;
}

function response(cell, request) {
  cell.classList.add("long");
  if (request.status === null) return badge(onlyChild(cell, "span"), "connection dropped", "bad");
  const error = request.error_code ? ` ${request.error_code}` : "";
  const kind = request.status >= 500 ? "bad" : request.status >= 400 ? "wait" : "good";
  badge(onlyChild(cell, "span"), `${request.status}${error}`, kind);
}

function occurrences(fault) {
  const times = fault.count === null ? "every time" : fault.count === 1 ? "once" : `${count(fault.count)} times`;
  return fault.probability < 1 ? `${times}, probability ${fault.probability}` : times;
}

const TABLES = {
  graphs: {
    caption: "Graphs; select one to see its members",
    empty: "None yet: call CreateGraph.",
    key: (graph) => graph.arn,
    columns: [
      ["Administrator, region", (cell, graph) => {
        const current = graph.arn === selection.shown;
        setAttribute(cell.parentElement, "data-current", current ? "" : null);
        setAttribute(link(cell, graph.arn, place(graph)), "aria-current", current ? "true" : null);
      }],
      ["Members", (cell, graph) => {
        const items = statuses(graph.counts);
        cell.classList.add("tags");
        badgeCell(cell, items.length ? items : [{ text: "none", kind: "plain" }]);
      }],
      ["Tags", (cell, graph) => {
        cell.classList.add("tags");
        const all = Object.entries(graph.tags);
        const items = tags(all.slice(0, MAX_TAGS));
        if (all.length > MAX_TAGS) items.push({ text: `and ${all.length - MAX_TAGS} more`, kind: "plain" });
        badgeCell(cell, items);
      }],
    ],
  },
  members: {
    caption: "Members of this graph",
    empty: "No members.",
    key: (member) => member.account_id,
    columns: [
      ["Account", figure((member) => member.account_id)],
      ["Status", (cell, member) => {
        cell.classList.add("long");
        const items = [{ text: member.status, kind: KINDS[member.status] }];
        if (member.disabled_reason) items.push({ text: member.disabled_reason, kind: "plain" });
        badgeCell(cell, items);
      }],
      ["E-mail address", longText((member) => member.email)],
      ["Type", text((member) => member.invitation_type)],
      ["Updated", when((member) => member.updated, moment)],
    ],
  },
  invitations: {
    caption: "Invitations that are being verified or have not been answered",
    empty: "None.",
    key: (member) => `${member.graph} ${member.account_id}`,
    columns: [
      ["Account", figure((member) => member.account_id)],
      ["Status", state((member) => member.status)],
      ["Administrator, region", (cell, member) => link(cell, member.graph, place(member))],
      ["Invited", when((member) => member.invited, moment)],
    ],
  },
  requests: {
    caption: "Requests, the newest first; virtual times, in UTC",
    empty: "None yet: point a client to the endpoint above.",
    key: (request) => request.id,
    columns: [
      ["Time", when((request) => request.time, clock)],
      ["Operation", longText((request) => request.operation ?? `${request.method} ${request.path}`)],
      ["Response", response],
      ["Faults", longText((request) => request.faults.join(", "))],
      ["Account", figure((request) => request.account_id ?? "unknown")],
      ["Region", text((request) => request.region ?? "unknown")],
    ],
  },
  faults: {
    caption: "Faults that may still apply, and the requests that they apply to",
    empty: "None.",
    columns: [
      ["Fault", longText((fault) => fault.effect)],
      ["Operation", longText((fault) => fault.operation ?? "any")],
      ["Account", figure((fault) => fault.account ?? "any")],
      ["Region", text((fault) => fault.region ?? "any")],
      ["Times, when injected", longText(occurrences)],
    ],
  },
  investigations: {
    caption: "Investigations, the newest first",
    empty: "None.",
    key: (one) => one.investigation_id,
    columns: [
      ["Entity", longText((one) => one.entity.split(":").slice(4).join(":"))],
      ["Status", state((one) => one.status)],
      ["Severity", state((one) => one.severity)],
      ["State", text((one) => one.state)],
      ["Administrator, region", (cell, one) => link(cell, one.graph, place(one))],
      ["Created", when((one) => one.created, moment)],
    ],
  },
  accounts: {
    caption: "Registered accounts",
    empty: "None yet.",
    key: (account) => account.account_id,
    columns: [
      ["Account", figure((account) => account.account_id)],
      ["E-mail address", longText((account) => account.email)],
      ["Organization", figure((account) => account.organization)],
      ["Volume problem", state((account) => account.volume_problem)],
    ],
  },
};

// ---- tables and their pagers

function table(name, items, page = "") {
  const body = byId(name).tBodies[0];
  const had = body.contains(document.activeElement);
  let { key, columns } = TABLES[name];
  if (key === undefined) {
    // Faults have no ids, and two of them may be equal.
    const places = new Map(items.map((item, index) => [item, String(index)]));
    key = (item) => places.get(item);
  }
  reconcile(body, items, key, "tr", (row, item) => {
    columns.forEach(([, fill], index) => {
      if (row.cells.length === index) {
        row.append(index ? element("td") : element("th", { scope: "row" }));
      }
      fill(row.cells[index], item);
    });
  }, page);
  const box = byId(name).parentElement;
  byId(`${name}-empty`).hidden = items.length > 0;
  box.hidden = items.length === 0;
  // If the focused row was removed, the section's heading gets the focus; otherwise it would move to the top of the page.
  if (had && !body.contains(document.activeElement)) focus(box.closest("section").querySelector("h2"));
  // A box must be focusable to be scrolled with the keyboard, and should not be a tab stop otherwise.
  const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
  if (scrolls || box !== document.activeElement) setAttribute(box, "tabindex", scrolls ? "0" : null);
}

function focus(node) {
  node.tabIndex = -1;
  node.focus();
}

function pager(name, page) {
  const bar = byId(`${name}-pager`);
  bar.hidden = page.total <= page.size;
  const end = Math.min(page.offset + page.size, page.total);
  setText(bar.children[1], `${count(page.offset + 1)} to ${count(end)} of ${count(page.total)}`);
  step(bar.children[0], page.offset > 0, Math.max(0, page.offset - page.size));
  step(bar.children[2], end < page.total, page.offset + page.size);
  // The server returns the last page if the requested one does not exist any more.
  selection.offsets[name] = page.offset;
}

// With `disabled`, a button would lose the focus; `aria-disabled` keeps it.
function step(button, can, offset) {
  setAttribute(button, "aria-disabled", can ? null : "true");
  button.dataset.offset = offset;
}

function buildTable(parent) {
  const name = parent.dataset.table;
  const { caption, empty, key, columns } = TABLES[name];
  const head = element("tr", {}, ...columns.map(([heading]) => element("th", { scope: "col" }, heading)));
  const content = [element("caption", {}, caption), element("thead", {}, head), element("tbody")];
  parent.append(
    element("p", { id: `${name}-empty`, className: "empty" }, empty),
    element("div", { className: "box", hidden: true }, element("table", { id: name }, ...content)),
  );
  if (key) parent.append(buildPager(name));
}

function buildPager(name) {
  const buttons = ["Previous", "Next"].map((word) => {
    const button = element("button", { type: "button", ariaLabel: `${word} ${name}` }, word);
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-disabled")) return;
      selection.offsets[name] = Number(button.dataset.offset);
      refresh();
    });
    return button;
  });
  const attributes = { id: `${name}-pager`, className: "pager", role: "group", ariaLabel: `Pages of ${name}`, hidden: true };
  return element("div", attributes, buttons[0], element("span"), buttons[1]);
}

// ---- the whole page

function render(found) {
  setText(byId("now"), `${moment(found.now)} UTC`);
  setAttribute(byId("now"), "datetime", found.now);
  setText(byId("ahead"), found.ahead ? `${span(Math.abs(found.ahead))} ${found.ahead > 0 ? "ahead" : "behind"}` : "");
  const { totals } = found;
  for (const name of ["accounts", "graphs", "requests", "faults"]) setText(byId(`total-${name}`), count(totals[name]));
  setText(byId("total-members"), count(sum(totals.members)));
  badges(byId("total-statuses"), statuses(totals.members));
  byId("closed").hidden = found.closed_regions.length === 0;
  setText(byId("closed-regions"), found.closed_regions.join(", "));

  selection.shown = found.graph?.arn;
  for (const name of ["graphs", "invitations", "requests", "investigations", "accounts"]) {
    table(name, found[name].items, String(found[name].offset));
    pager(name, found[name]);
  }
  table("faults", found.faults);
  renderGraph(found.graph);
}

function renderGraph(graph) {
  byId("graph").hidden = graph === null && selection.graph === null;
  byId("graph-gone").hidden = graph !== null;
  byId("graph-detail").hidden = graph === null;
  setText(byId("graph-title"), graph ? `Graph of ${place(graph)}` : "Graph");
  if (graph) {
    setText(byId("graph-arn"), graph.arn);
    setText(byId("graph-created"), `${moment(graph.created)} UTC`);
    setAttribute(byId("graph-created"), "datetime", graph.created);
    const auto = graph.auto_enable ? ", new accounts are enabled" : "";
    setText(byId("graph-organization"), graph.organization ? `${graph.organization}${auto}` : "none");
    const packages = Object.entries(graph.packages);
    badges(byId("graph-packages"), packages.map(([name, state]) => ({ text: `${name} ${state}`, kind: KINDS[state] })), "li");
    badges(byId("graph-tags"), tags(Object.entries(graph.tags)), "li");
    table("members", graph.members.items, `${graph.arn} ${selection.status} ${graph.members.offset}`);
    pager("members", graph.members);
  }
  if (focusGraph) {
    focusGraph = false;
    if (!byId("graph").hidden) focus(byId("graph-title"));
  }
}

function span(seconds) {
  const parts = [];
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]) {
    const whole = Math.floor(seconds / size);
    if (whole && parts.length < 2) parts.push(`${count(whole)} ${unit}`);
    seconds -= whole * size;
  }
  return parts.join(" ");
}

// ---- polling

function showConnection(kind, text) {
  setAttribute(byId("connection"), "data-kind", kind);
  setText(byId("connection"), text);
  document.body.classList.toggle("stale", kind === "bad");
  document.title = kind === "bad" ? "Disconnected: Detective simulator" : "Detective simulator";
}

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
    const fetched = await fetch(`state.json?${parameters()}`, { cache: "no-store", signal: AbortSignal.timeout(REQUEST_TIMEOUT) });
    if (fetched.ok) body = await fetched.text();
    else problem = `Error ${fetched.status} from the server`;
  } catch {
    // The connection failed or timed out: `problem` says so already.
  }
  if (thisRequest !== lastRequest) return;
  if (body !== null) problem = show(body);
  if (problem === null) {
    latest = new Date();
    showConnection(paused ? "plain" : "good", paused ? "Paused" : "Live");
  } else {
    const since = latest ? `; showing the state of ${latest.toTimeString().slice(0, 8)}` : "";
    focusGraph = false;
    showConnection("bad", `${problem}${since}. ${paused ? "Paused" : "Retrying"}`);
  }
  schedule();
}

// Returns null, or the problem with a response; whatever a server or proxy answers, polling must go on.
function show(body) {
  try {
    render(JSON.parse(body));
    return null;
  } catch (error) {
    console.warn("the state cannot be shown:", error);
    return "Malformed response from the server";
  }
}

function schedule() {
  clearTimeout(timer);
  if (!paused && !document.hidden) timer = setTimeout(refresh, POLL_INTERVAL);
}

function selectGraph() {
  selection.graph = new URLSearchParams(location.hash.slice(1)).get("graph");
  selection.offsets.members = 0;
  selection.status = byId("status").value = "";
}

document.querySelectorAll("[data-table]").forEach(buildTable);
byId("status").append(...STATUSES.map((status) => element("option", {}, status)));
setText(byId("endpoint"), location.origin);
byId("pause").addEventListener("click", () => {
  paused = !paused;
  setAttribute(byId("pause"), "aria-pressed", String(paused));
  if (paused) {
    lastRequest += 1;
    clearTimeout(timer);
    showConnection("plain", "Paused");
  } else refresh();
});
byId("status").addEventListener("change", () => {
  selection.status = byId("status").value;
  selection.offsets.members = 0;
  refresh();
});
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
  else if (!paused) refresh();
});
selectGraph();
refresh();
