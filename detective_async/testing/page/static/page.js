// Asks for the state every second, and changes only what has changed on the page: whatever has the focus keeps it, and
// nothing scrolls away. Everything that comes from the simulator is put in as text, never as markup.

const EVERY = 1000; // milliseconds from one answer to the next question
const PATIENCE = 5000; // milliseconds until a server that says nothing counts as gone

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
// How many tags of a graph its row shows; the graph itself shows all of them.
const FEW = 3;

const wish = { graph: null, status: "", offsets: {} };
let question = 0; // the latest one asked; answers to earlier ones are stale
let timer = null;
let paused = false;
let latest = null; // when the state on the page was true, by this computer's clock
let jump = false; // whether the focus is to go to the graph that was followed

const find = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const count = (value) => number.format(value);
const sum = (counts) => Object.values(counts).reduce((total, one) => total + one, 0);
const day = (time) => time.slice(0, 10);
const clock = (time) => time.slice(11, 19);
const moment = (time) => `${day(time)} ${clock(time)}`;

// ---- small changes to the document; each does nothing where nothing has changed

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

function only(parent, tag) {
  if (parent.firstElementChild?.localName !== tag) parent.replaceChildren(document.createElement(tag));
  return parent.firstElementChild;
}

// Make the children of a node match a list, by key: those that stay are neither made anew nor moved. What comes in while
// the same part of the same list is shown is marked as new.
function match(parent, items, key, tag, fill, part = "") {
  const old = new Map();
  for (const child of parent.children) old.set(child.dataset.key, child);
  const fresh = parent.dataset.part !== part;
  parent.dataset.part = part;
  const wanted = new Set(items.map(key));
  for (const [name, child] of old) if (!wanted.has(name)) child.remove();
  items.forEach((item, index) => {
    const name = key(item);
    let child = old.get(name);
    if (child === undefined) {
      child = document.createElement(tag);
      child.dataset.key = name;
      if (!fresh) child.classList.add("new");
    }
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
    fill(child, item);
  });
}

function badge(node, text, kind) {
  set(node, "class", "badge");
  set(node, "data-kind", kind ?? KINDS[text] ?? "plain");
  write(node, text);
}

function badges(node, texts, tag = "span") {
  match(node, texts, (one) => one.key ?? one.text, tag, (child, one) => badge(child, one.text, one.kind));
}

function tags(pairs) {
  return pairs.map(([name, value]) => ({ key: `tag ${name}`, text: `${name}=${value}`, kind: "plain" }));
}

function statuses(counts) {
  const known = STATUSES.filter((status) => counts[status]);
  return known.map((status) => ({ text: `${status} ${count(counts[status])}`, kind: KINDS[status] }));
}

// ---- columns: each fills a cell from an item

const text = (get) => (cell, item) => write(cell, get(item) ?? "");
const figure = (get) => (cell, item) => {
  cell.classList.add("number");
  write(cell, get(item) ?? "");
};
const state = (get) => (cell, item) => {
  const value = get(item);
  if (value) badge(only(cell, "span"), value);
  else write(cell, "");
};
const when = (get, show) => (cell, item) => {
  const value = get(item);
  const time = only(cell, "time");
  set(time, "datetime", value);
  write(time, value ? show(value) : "");
};

const place = (graph) => `${graph.administrator}, ${graph.region}`;

function address(arn) {
  return `#${new URLSearchParams({ graph: arn })}`;
}

function link(cell, arn, name) {
  const anchor = only(cell, "a");
  set(anchor, "href", address(arn));
  write(anchor, name);
  return anchor;
}

function answer(cell, request) {
  if (request.status === null) return badge(only(cell, "span"), "connection dropped", "bad");
  const error = request.error_code ? ` ${request.error_code}` : "";
  const kind = request.status >= 500 ? "bad" : request.status >= 400 ? "wait" : "good";
  badge(only(cell, "span"), `${request.status}${error}`, kind);
}

function strikes(fault) {
  const times = fault.count === null ? "every time" : fault.count === 1 ? "once" : `${count(fault.count)} times`;
  return fault.probability < 1 ? `${times}, probability ${fault.probability}` : times;
}

const COLUMNS = {
  graphs: [
    (cell, graph) => {
      const current = graph.arn === wish.shown;
      set(cell.parentElement, "data-current", current ? "" : null);
      set(link(cell, graph.arn, place(graph)), "aria-current", current ? "true" : null);
    },
    (cell, graph) => {
      const found = statuses(graph.counts);
      cell.classList.add("tags");
      const list = only(cell, "span");
      list.classList.add("badges");
      badges(list, found.length ? found : [{ text: "none", kind: "plain" }]);
    },
    (cell, graph) => {
      cell.classList.add("tags");
      const all = Object.entries(graph.tags);
      const shown = tags(all.slice(0, FEW));
      if (all.length > FEW) shown.push({ text: `and ${all.length - FEW} more`, kind: "plain" });
      const list = only(cell, "span");
      list.classList.add("badges");
      badges(list, shown);
    },
  ],
  members: [
    figure((member) => member.account_id),
    (cell, member) => {
      const found = [{ text: member.status, kind: KINDS[member.status] }];
      if (member.disabled_reason) found.push({ text: member.disabled_reason, kind: "plain" });
      const list = only(cell, "span");
      list.classList.add("badges");
      badges(list, found);
    },
    text((member) => member.email),
    text((member) => member.invitation_type),
    when((member) => member.updated, moment),
  ],
  invitations: [
    figure((member) => member.account_id),
    state((member) => member.status),
    (cell, member) => link(cell, member.graph, place(member)),
    when((member) => member.invited, moment),
  ],
  requests: [
    when((request) => request.time, clock),
    text((request) => request.operation ?? `${request.method} ${request.path}`),
    answer,
    text((request) => request.faults.join(", ")),
    figure((request) => request.account_id ?? "unknown"),
    text((request) => request.region ?? "unknown"),
  ],
  faults: [
    text((fault) => fault.effect),
    text((fault) => fault.operation ?? "any"),
    figure((fault) => fault.account ?? "any"),
    text((fault) => fault.region ?? "any"),
    text(strikes),
  ],
  investigations: [
    text((one) => one.entity.split(":").slice(4).join(":")),
    state((one) => one.status),
    state((one) => one.severity),
    text((one) => one.state),
    (cell, one) => link(cell, one.graph, place(one)),
    when((one) => one.created, moment),
  ],
  accounts: [
    figure((account) => account.account_id),
    text((account) => account.email),
    figure((account) => account.organization),
    state((account) => account.volume_problem),
  ],
};

const KEYS = {
  graphs: (graph) => graph.arn,
  members: (member) => member.account_id,
  invitations: (member) => `${member.graph} ${member.account_id}`,
  requests: (request) => request.id,
  investigations: (one) => one.investigation_id,
  accounts: (account) => account.account_id,
};

// ---- tables and their pagers

function table(name, items, part = "") {
  const body = find(name).tBodies[0];
  const had = body.contains(document.activeElement);
  let key = KEYS[name];
  if (key === undefined) {
    // Faults have no names of their own, and may be the same twice.
    const places = new Map(items.map((item, index) => [item, String(index)]));
    key = (item) => places.get(item);
  }
  match(body, items, key, "tr", (row, item) => {
    COLUMNS[name].forEach((fill, index) => {
      if (row.cells.length === index) {
        const cell = document.createElement(index ? "td" : "th");
        if (!index) cell.scope = "row";
        row.append(cell);
      }
      fill(row.cells[index], item);
    });
  }, part);
  const box = find(name).parentElement;
  find(`${name}-empty`).hidden = items.length > 0;
  box.hidden = items.length === 0;
  // Whoever stood on a row that is gone starts from the heading of its section, not from the top of the page.
  if (had && !body.contains(document.activeElement)) focus(box.closest("section").querySelector("h2"));
  // A box that scrolls can be reached with the keyboard; one that does not is no stop.
  const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
  if (scrolls || box !== document.activeElement) set(box, "tabindex", scrolls ? "0" : null);
}

function focus(node) {
  node.tabIndex = -1;
  node.focus();
}

function pager(name, part) {
  const bar = document.querySelector(`.pager[data-list="${name}"]`);
  bar.hidden = part.total <= part.size;
  const end = Math.min(part.offset + part.size, part.total);
  write(bar.children[1], `${count(part.offset + 1)} to ${count(end)} of ${count(part.total)}`);
  step(bar.children[0], part.offset > 0, Math.max(0, part.offset - part.size));
  step(bar.children[2], end < part.total, part.offset + part.size);
  // The server may have given an earlier part than was asked for.
  wish.offsets[name] = part.offset;
}

// A button that is disabled would drop the focus; this one only says that it is.
function step(button, can, offset) {
  set(button, "aria-disabled", can ? null : "true");
  button.dataset.offset = offset;
}

function build(bar) {
  const { list, name } = bar.dataset;
  set(bar, "role", "group");
  set(bar, "aria-label", `Pages of ${name}`);
  bar.hidden = true;
  const label = document.createElement("span");
  for (const word of ["Previous", "Next"]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = word;
    set(button, "aria-label", `${word} ${name}`);
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-disabled")) return;
      wish.offsets[list] = Number(button.dataset.offset);
      ask();
    });
    bar.append(button);
  }
  bar.insertBefore(label, bar.lastElementChild);
}

// ---- the whole page

function draw(found) {
  write(find("now"), `${moment(found.now)} UTC`);
  set(find("now"), "datetime", found.now);
  write(find("ahead"), found.ahead ? `${span(found.ahead)} ahead` : "");
  const { totals } = found;
  for (const name of ["accounts", "graphs", "requests", "faults"]) write(find(`total-${name}`), count(totals[name]));
  write(find("total-members"), count(sum(totals.members)));
  badges(find("total-statuses"), statuses(totals.members));
  find("closed").hidden = found.closed_regions.length === 0;
  write(find("closed-regions"), found.closed_regions.join(", "));

  wish.shown = found.graph?.arn;
  for (const name of ["graphs", "invitations", "requests", "investigations", "accounts"]) {
    table(name, found[name].items, String(found[name].offset));
    pager(name, found[name]);
  }
  table("faults", found.faults);
  drawGraph(found.graph);
}

function drawGraph(graph) {
  find("graph").hidden = graph === null && wish.graph === null;
  find("graph-gone").hidden = graph !== null;
  find("graph-detail").hidden = graph === null;
  write(find("graph-title"), graph ? `Graph of ${place(graph)}` : "Graph");
  if (graph) {
    write(find("graph-arn"), graph.arn);
    write(find("graph-created"), `${moment(graph.created)} UTC`);
    set(find("graph-created"), "datetime", graph.created);
    const auto = graph.auto_enable ? ", new accounts are enabled" : "";
    write(find("graph-organization"), graph.organization ? `${graph.organization}${auto}` : "none");
    const packages = Object.entries(graph.packages);
    badges(find("graph-packages"), packages.map(([name, state]) => ({ text: `${name} ${state}`, kind: KINDS[state] })), "li");
    badges(find("graph-tags"), tags(Object.entries(graph.tags)), "li");
    table("members", graph.members.items, `${graph.arn} ${wish.status} ${graph.members.offset}`);
    pager("members", graph.members);
  }
  if (jump) {
    jump = false;
    if (!find("graph").hidden) focus(find("graph-title"));
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

// ---- asking

function say(kind, text) {
  set(find("connection"), "data-kind", kind);
  write(find("connection"), text);
  document.body.classList.toggle("stale", kind === "bad");
  document.title = kind === "bad" ? "Gone: Detective simulator" : "Detective simulator";
}

function parameters() {
  const asked = new URLSearchParams();
  if (wish.graph) asked.set("graph", wish.graph);
  if (wish.status) asked.set("status", wish.status);
  for (const [name, offset] of Object.entries(wish.offsets)) if (offset) asked.set(name, offset);
  return asked;
}

async function ask() {
  clearTimeout(timer);
  const mine = ++question;
  let found = null;
  let trouble = "The server is gone";
  try {
    const answer = await fetch(`state.json?${parameters()}`, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (answer.ok) found = await answer.json();
    else trouble = `The server answers ${answer.status}`;
  } catch {
    // A connection that fails says what there is to say.
  }
  if (mine !== question) return;
  if (found) {
    latest = new Date();
    say(paused ? "plain" : "good", paused ? "Paused" : "Live");
    draw(found);
  } else {
    const since = latest ? `; this is from ${latest.toTimeString().slice(0, 8)}` : "";
    jump = false;
    say("bad", `${trouble}${since}. ${paused ? "Paused" : "Trying again"}`);
  }
  wait();
}

function wait() {
  clearTimeout(timer);
  if (!paused && !document.hidden) timer = setTimeout(ask, EVERY);
}

function follow() {
  wish.graph = new URLSearchParams(location.hash.slice(1)).get("graph");
  wish.offsets.members = 0;
  wish.status = find("status").value = "";
}

document.querySelectorAll(".pager").forEach(build);
write(find("endpoint"), location.origin);
find("pause").addEventListener("click", () => {
  paused = !paused;
  set(find("pause"), "aria-pressed", String(paused));
  if (paused) {
    question += 1;
    clearTimeout(timer);
    say("plain", "Paused");
  } else ask();
});
find("status").addEventListener("change", () => {
  wish.status = find("status").value;
  wish.offsets.members = 0;
  ask();
});
document.addEventListener("click", (event) => {
  // The address stays when the graph in it is followed again; a new tab or window is not this page's business.
  const anchor = event.target.closest("a");
  if (!anchor?.hash || anchor.hash !== location.hash || event.ctrlKey || event.metaKey || event.shiftKey) return;
  jump = true;
  ask();
});
window.addEventListener("hashchange", () => {
  jump = true;
  follow();
  ask();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else if (!paused) ask();
});
follow();
ask();
