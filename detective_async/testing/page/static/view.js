// What the page shows: the state that the server has sent, what is selected of it, and the connection.

import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";

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

const number = new Intl.NumberFormat("en");
const count = (value) => number.format(value);
const clock = (time) => time.slice(11, 19);
const moment = (time) => `${time.slice(0, 10)} ${clock(time)}`;
const place = (graph) => `${graph.administrator}, ${graph.region}`;

// ---- parts of cells

// Long words may break where they are joined, and elsewhere only if there is no room at all.
const words = (text) =>
  text.split(/(?<=[a-z])(?=[A-Z])|(?<=[_@.,:/=(-])/).map((word, index) => (index ? html`<wbr />${word}` : word));
const badge = (text, kind) =>
  html`<span class="badge" data-kind=${kind ?? KINDS[text] ?? "plain"}>${words(text)}</span>`;
const badges = (items) => html`<span class="badges">${items}</span>`;
const listed = (items) => html`<ul class="badges">${items.map((one) => html`<li>${one}</li>`)}</ul>`;
const id = (value) => html`<span class="id">${value}</span>`;
const whole = (value) => html`<span class="whole">${value}</span>`;
const long = (value) => html`<span class="long">${words(value)}</span>`;
const when = (time, show = moment) => time && html`<time datetime=${time}>${show(time)}</time>`;
const tags = (pairs) => pairs.map(([name, value]) => badge(`${name}=${value}`));
const address = (arn) => `#${new URLSearchParams({ graph: arn })}`;
const link = (arn, { administrator, region, current }) =>
  html`<a href=${address(arn)}
    aria-current=${current ? "true" : null}>${whole(`${administrator},`)} ${whole(region)}</a>`;

function statuses(counts) {
  const known = STATUSES.filter((status) => counts[status]);
  return known.map((status) => badge(`${status} ${count(counts[status])}`, KINDS[status]));
}

function tagsOf(graph) {
  const all = Object.entries(graph.tags);
  const more = all.length > MAX_TAGS ? [badge(`and ${all.length - MAX_TAGS} more`)] : [];
  return badges([...tags(all.slice(0, MAX_TAGS)), ...more]);
}

function answer({ status, error_code: code }) {
  if (status === null) return badge("connection dropped", "bad");
  return badge(code ? `${status} ${code}` : String(status), status >= 500 ? "bad" : status >= 400 ? "wait" : "good");
}

function occurrences(fault) {
  const times = fault.count === null ? "every time" : fault.count === 1 ? "once" : `${count(fault.count)} times`;
  return fault.probability < 1 ? `${times}, probability ${fault.probability}` : times;
}

// ---- tables: a column is a heading, and a function that returns the content of the cell of a row

const TABLES = {
  graphs: {
    caption: "Graphs; select one to see its members",
    empty: "None yet: call CreateGraph.",
    key: (graph) => graph.arn,
    columns: [
      ["Administrator, region", (graph) => link(graph.arn, graph)],
      ["Members", (graph) => badges(Object.keys(graph.counts).length ? statuses(graph.counts) : badge("none"))],
      ["Tags", tagsOf],
    ],
  },
  members: {
    caption: "Members of this graph",
    empty: "No members.",
    key: (member) => member.account_id,
    columns: [
      ["Account", (member) => id(member.account_id)],
      ["Status", (member) => badges([badge(member.status), member.disabled_reason && badge(member.disabled_reason)])],
      ["E-mail address", (member) => long(member.email)],
      ["Type", (member) => member.invitation_type],
      ["Updated", (member) => when(member.updated)],
    ],
  },
  invitations: {
    caption: "Invitations that are being verified or have not been answered",
    empty: "None.",
    key: (member) => `${member.graph} ${member.account_id}`,
    columns: [
      ["Account", (member) => id(member.account_id)],
      ["Status", (member) => badge(member.status)],
      ["Administrator, region", (member) => link(member.graph, member)],
      ["Invited", (member) => when(member.invited)],
    ],
  },
  requests: {
    caption: "Requests, the newest first; virtual times, in UTC",
    empty: "None yet: point a client to the endpoint above.",
    key: (request) => request.id,
    columns: [
      ["Time", (request) => when(request.time, clock)],
      ["Operation", (request) => long(request.operation ?? `${request.method} ${request.path}`)],
      ["Response", answer],
      ["Faults", (request) => request.faults.length > 0 && long(request.faults.join(", "))],
      ["Account", (request) => id(request.account_id ?? "unknown")],
      ["Region", (request) => whole(request.region ?? "unknown")],
    ],
  },
  faults: {
    caption: "Faults that may still apply, and the requests that they apply to",
    empty: "None.",
    // Faults have no ids, and two of them may be equal.
    key: (fault) => fault.index,
    columns: [
      ["Fault", (fault) => long(fault.effect)],
      ["Operation", (fault) => long(fault.operation ?? "any")],
      ["Account", (fault) => id(fault.account ?? "any")],
      ["Region", (fault) => whole(fault.region ?? "any")],
      ["Times, when injected", occurrences],
    ],
  },
  investigations: {
    caption: "Investigations, the newest first",
    empty: "None.",
    key: (one) => `${one.graph} ${one.investigation_id}`,
    columns: [
      ["Entity", (one) => long(one.entity.split(":").slice(4).join(":"))],
      ["Status", (one) => badge(one.status)],
      ["Severity", (one) => one.severity && badge(one.severity)],
      ["State", (one) => one.state],
      ["Administrator, region", (one) => link(one.graph, one)],
      ["Created", (one) => when(one.created)],
    ],
  },
  accounts: {
    caption: "Registered accounts",
    empty: "None yet.",
    key: (account) => account.account_id,
    columns: [
      ["Account", (account) => id(account.account_id)],
      ["E-mail address", (account) => long(account.email)],
      ["Organization", (account) => account.organization && id(account.organization)],
      ["Volume problem", (account) => account.volume_problem && badge(account.volume_problem)],
    ],
  },
};
for (const one of Object.values(TABLES)) {
  one.columns = one.columns.map(([label, cell]) => ({ key: label, label, cell }));
}

// List -> its rows at the last time, and those of them that were new. A row is new for a while, unless the reader has
// turned the page.
const HIGHLIGHT = 2000; // milliseconds
const seen = {};

function newRows(name, view, keys) {
  const last = seen[name];
  const now = Date.now();
  const since = new Map();
  if (last?.view === view) {
    for (const key of keys) {
      const time = last.keys.has(key) ? (last.since.get(key) ?? 0) : now;
      if (now - time < HIGHLIGHT) since.set(key, time);
    }
  }
  seen[name] = { view, keys: new Set(keys), since };
  return since;
}

function list(name, rows, view = "") {
  const { caption, empty, key, columns } = TABLES[name];
  const isNew = newRows(name, view, rows.map(key));
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  const rowClass = (row) => `${row.current ? "current" : ""} ${isNew.has(key(row)) ? "new" : ""}`;
  return html`<${Table} id=${name} caption=${caption} rows=${rows} rowKey=${key} columns=${columns} rowClass=${rowClass}
    view=${view} />`;
}

// One page of a list. With `disabled`, a button would lose the focus; `aria-disabled` keeps it.
function paged(name, page, on, view = "") {
  const { offset, size, total, items } = page;
  const end = Math.min(offset + size, total);
  const step = (word, to, can) =>
    html`<button type="button" aria-label=${`${word} ${name}`} aria-disabled=${can ? null : "true"}
      onClick=${() => can && on.turn(name, to)}>${word}</button>`;
  return html`
    ${list(name, items, `${view} ${offset}`)}
    ${
      total > size &&
      html`<div class="pager" role="group" aria-label=${`Pages of ${name}`}>
      ${step("Previous", Math.max(0, offset - size), offset > 0)}
      <span>${count(offset + 1)} to ${count(end)} of ${count(total)}</span>
      ${step("Next", offset + size, end < total)}
    </div>`
    }`;
}

// ---- sections

function section(name, heading, content) {
  const title = `${name}-title`;
  return html`<section key=${name} aria-labelledby=${title}><h2 id=${title}
    tabindex="-1">${heading}</h2>${content}</section>`;
}

function span(seconds) {
  const parts = [];
  for (const [size, unit] of [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ]) {
    const whole = Math.floor(seconds / size);
    if (whole && parts.length < 2) parts.push(`${count(whole)} ${unit}`);
    seconds -= whole * size;
  }
  return parts.join(" ");
}

function overview({ now, ahead, totals, closed_regions: closed }) {
  const members = Object.values(totals.members).reduce((total, one) => total + one, 0);
  const shift = ahead && html`<small>${span(Math.abs(ahead))} ${ahead > 0 ? "ahead" : "behind"}</small>`;
  const fact = (term, value) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`;
  return html`<dl class="totals">
    ${fact("Virtual time", html`<time datetime=${now}>${moment(now)} UTC</time> ${shift || null}`)}
    ${fact("Accounts", count(totals.accounts))}
    ${fact("Graphs", count(totals.graphs))}
    ${fact("Requests", count(totals.requests))}
    ${fact("Pending faults", count(totals.faults))}
    ${fact("Members", html`${count(members)} ${badges(statuses(totals.members))}`)}
    ${closed.length > 0 && fact("Regions not opted in", closed.join(", "))}
  </dl>`;
}

function details(graph, selection, on) {
  const auto = graph.auto_enable ? ", new accounts are enabled" : "";
  const packages = Object.entries(graph.packages);
  const view = `${graph.arn} ${selection.status}`;
  return html`
    <dl class="facts">
      <dt>ARN</dt><dd><code>${graph.arn}</code></dd>
      <dt>Created</dt><dd><time datetime=${graph.created}>${moment(graph.created)} UTC</time></dd>
      <dt>Organization</dt><dd>${graph.organization ? `${graph.organization}${auto}` : "none"}</dd>
      <dt>Packages</dt><dd>${listed(packages.map(([name, state]) => badge(`${name} ${state}`, KINDS[state])))}</dd>
      <dt>Tags</dt><dd>${listed(tags(Object.entries(graph.tags)))}</dd>
    </dl>
    <h3>Members</h3>
    <p class="filter">
      <label for="status">Status</label>
      <select id="status" value=${selection.status} onChange=${(event) => on.filter(event.currentTarget.value)}>
        <option value="">All</option>
        ${STATUSES.map((status) => html`<option value=${status}>${status}</option>`)}
      </select>
    </p>
    ${paged("members", graph.members, on, view)}`;
}

function chosen(graph, selection, on) {
  if (graph) return section("graph", `Graph of ${place(graph)}`, details(graph, selection, on));
  return selection.graph && section("graph", "Graph", html`<p class="empty">This graph does not exist any more.</p>`);
}

function world(found, selection, on) {
  const graphs = {
    ...found.graphs,
    items: found.graphs.items.map((one) => ({ ...one, current: one.arn === found.graph?.arn })),
  };
  return html`
    <section aria-labelledby="overview-title">
      <h2 id="overview-title" class="visually-hidden">Overview</h2>
      ${overview(found)}
    </section>
    <div class="columns">
      <div>
        ${section("graphs", "Graphs", paged("graphs", graphs, on))}
        ${chosen(found.graph, selection, on)}
        ${section("invitations", "Open invitations", paged("invitations", found.invitations, on))}
      </div>
      <div>
        ${section("requests", "Latest requests", paged("requests", found.requests, on))}
        ${section(
          "faults",
          "Pending faults",
          list(
            "faults",
            found.faults.map((fault, index) => ({ ...fault, index })),
          ),
        )}
        ${section("investigations", "Investigations", paged("investigations", found.investigations, on))}
        ${section("accounts", "Accounts", paged("accounts", found.accounts, on))}
      </div>
    </div>`;
}

// `on` has what happens when the reader turns a page, filters, or pauses.
export function view({ found, selection, connection, paused }, on) {
  return html`
    <header>
      <h1>Detective simulator</h1>
      <p class="endpoint"><span class="visually-hidden">Endpoint: </span><code>${location.origin}</code></p>
      <p role="status" data-kind=${connection.kind}>${connection.text}</p>
      <button type="button" aria-pressed=${String(paused)} onClick=${on.pause}>Pause</button>
    </header>
    <main class=${connection.kind === "bad" ? "stale" : ""}>${found && world(found, selection, on)}</main>`;
}
