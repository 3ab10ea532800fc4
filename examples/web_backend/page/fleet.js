// The fleet: what needs attention, what changed, and the memberships by status in every account and region. Old numbers
// are dimmed, and say how old they are.

import { adjust, adjustSort, address, choiceOf, digitsOf, link, sortOf } from "./address.js";
import { call } from "./api.js";
import { Chart, Legend, noNumber } from "./chart.js";
import { fleet, members, settings } from "./data.js";
import { Failures } from "./failures.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { ALL, STATUSES, add, inWords, kindOf, none, total } from "./statuses.js";
import { announce, changed, focusOn } from "./store.js";
import {
  Badge,
  Button,
  Exports,
  Filter,
  Find,
  Freshness,
  Problem,
  RefreshButton,
  Select,
  count,
  some,
  timestamp,
} from "./ui.js";

const SEEN = "detective-changes-seen";
const HOUR = 3600 * 1000;
const SINCE = [
  ["", "I last marked it as seen"],
  ["1", "an hour ago"],
  ["24", "24 hours ago"],
];
const changes = { since: null, found: null, problem: null };

export function show() {
  if (fleet.phase === "ready" && sinceOf() !== changes.since) readChanges();
  fleet.enter(members);
}

export const leave = () => fleet.leave();

export const tryAgain = () => fleet.tryAgain();

// ---- what changed

const sinceChoice = () => choiceOf("since", SINCE);
const ago = (hours) => new Date(Date.now() - hours * HOUR).toISOString();

// Only the reader knows what was seen: a reload has seen nothing. Null if nothing was marked.
function lastSeen() {
  let last = null;
  try {
    last = localStorage.getItem(SEEN);
  } catch {
    // Storage is forbidden.
  }
  return last && !Number.isNaN(Date.parse(last)) ? last : null;
}

const sinceOf = () => (sinceChoice() ? ago(Number(sinceChoice())) : (lastSeen() ?? ago(24)));

function markSeen() {
  // Not now: what the server noticed after it was asked is not on the page yet.
  try {
    localStorage.setItem(SEEN, changes.found.AsOf ?? new Date().toISOString());
  } catch {
    // Storage is forbidden: the page forgets it.
  }
  adjust({ since: "" });
  return readChanges();
}

async function readChanges() {
  const since = (changes.since = sinceOf());
  try {
    const found = await call(`api/changes?since=${encodeURIComponent(since)}`);
    if (since !== changes.since) return;
    Object.assign(changes, { found, problem: null });
  } catch (error) {
    if (!error.problem) throw error;
    changes.problem = error.problem;
  }
  changed();
}
fleet.whenReady = readChanges;

// ---- numbers

// Announced to screen readers at each quarter only.
let said = { began: 0, quarter: 0 };
function say(totals) {
  if (!fleet.answered) return;
  const { Done, Total } = fleet.progress ?? { Done: 0, Total: 1 };
  const quarter = Math.floor((Done / (Total || 1)) * 4);
  if (said.began !== fleet.began) said = { began: fleet.began, quarter: 0 };
  if (quarter <= said.quarter) return;
  said.quarter = quarter;
  const sum = sumOf(totals);
  const isCounted = quarter === 4 && sum.answered;
  announce(`${progressWords()}${isCounted ? `: ${some(total(sum.counts), "membership")}` : ""}`);
}

const failed = () => fleet.rows.filter((target) => target.Error);

// Of the survey that is under way, and not of the one before.
function progressWords() {
  const failures = fleet.answered ? failed().filter((target) => target.survey === fleet.surveyId).length : 0;
  const done = `${count(fleet.progress?.Done ?? 0)} of ${count(fleet.survey.Total)} done`;
  return failures ? `${done}, ${count(failures)} failed` : done;
}

// How many accounts there are of each kind, and their memberships, in each region.
function totalsOf() {
  const fresh = (region) => [
    region,
    { region, counts: none(), answered: 0, empty: 0, failed: 0, stale: null, pending: settings.Accounts.length },
  ];
  const totals = new Map(settings.Regions.map(fresh));
  for (const target of fleet.rows) {
    if (!totals.has(target.Region)) totals.set(...fresh(target.Region));
    const one = totals.get(target.Region);
    one.pending -= 1;
    if (target.Error) one.failed += 1;
    else if (target.GraphArn === null) one.empty += 1;
    if (target.Counts) {
      add(one.counts, target.Counts);
      one.answered += 1;
      if (fleet.isOld(target) && (!one.stale || target.time < one.stale)) one.stale = target.time;
    }
  }
  return totals;
}

// The same of all regions together.
function sumOf(totals) {
  const sum = { region: "All", counts: none(), answered: 0, empty: 0, failed: 0, stale: null, pending: 0 };
  for (const one of totals.values()) {
    add(sum.counts, one.counts);
    for (const name of ["answered", "empty", "failed", "pending"]) sum[name] += one[name];
    if (one.stale && (!sum.stale || one.stale < sum.stale)) sum.stale = one.stale;
  }
  return sum;
}

// ---- the view

function showEmpty() {
  adjust({ status: "empty", find: "", region: "" });
  focusOn("accounts");
}

function Attention({ totals }) {
  const { counts, empty, ...sum } = sumOf(totals);
  const failures = failed().map((target) => ({ ...target, Failure: { Outcome: target.Outcome, ...target.Error } }));
  const answered = sum.answered || sum.failed || empty;
  const statuses = ["VERIFICATION_FAILED", "ACCEPTED_BUT_DISABLED"].filter((status) => counts[status]);
  const isWell = fleet.phase === "ready" && !failures.length && !statuses.length && !empty;
  return html`<section aria-labelledby="attention-title" id="attention">
    <h2 id="attention-title">What needs attention</h2>
    ${!answered && html`<p class="quiet">Not answered yet.</p>`}
    ${isWell && html`<p>Nothing that this survey can see.</p>`}
    <ul class="groups">
      ${statuses.map(
        (status) => html`<li key=${status} class="group"><p><${Badge}
          kind="bad">${inWords(status)}<//> ${some(counts[status], "membership")}</p>
        <a href=${link("members", [], { status, sort: "since" })}>Show which, and since when</a></li>`,
      )}
      ${
        empty > 0 &&
        html`<li key="empty"
          class="group"><p><${Badge}>No graph<//> ${some(empty, "account and region", "accounts and regions")}</p>
        <button type="button" onClick=${showEmpty}>Show which</button></li>`
      }
    </ul>
    ${
      failures.length > 0 &&
      html`<h3 id="failures-title">Could not be checked</h3>
      <p class="quiet">The numbers below do not count these accounts and regions, or count what was known of them
        before.</p>
      <${Failures} id="failures" kind="members" failures=${failures} reload=${() => fleet.load()} changed=${changed} />`
    }
  </section>`;
}

function chooseSince(since) {
  adjust({ since });
  readChanges();
}

function Changes() {
  const { found, problem: trouble } = changes;
  const since = changes.since ?? sinceOf();
  // They are not gone: nothing is known of what changed there.
  const unseen = found?.NotSeen ?? { Accounts: 0, Regions: 0, Targets: 0 };
  const columns = [
    { key: "time", label: "Noticed (UTC)", value: (one) => one.Time, cell: (one) => timestamp(one.Time) },
    {
      key: "member",
      label: "Member",
      value: (one) => one.MemberId,
      cell: (one) => html`<a href=${link("account", [one.MemberId])}>${one.MemberId}</a>`,
    },
    { key: "administrator", label: "Administrator", value: (one) => one.AccountId },
    { key: "region", label: "Region", value: (one) => one.Region },
    { key: "before", label: "Before", value: (one) => inWords(one.Before) },
    {
      key: "after",
      label: "Now",
      value: (one) => inWords(one.After),
      cell: (one) => html`<${Badge} kind=${kindOf(one.After)}>${inWords(one.After)}<//>`,
    },
  ];
  return html`<section aria-labelledby="changes-title" id="changes">
    <h2 id="changes-title">What changed since ${timestamp(found?.Since > since ? found.Since : since)} UTC</h2>
    <form class="filter" onSubmit=${(event) => event.preventDefault()}>
      <${Filter} id="changes-since" label="Since"><${Select} id="changes-since" value=${sinceChoice()} choices=${SINCE}
        change=${chooseSince} /><//>
      ${found && html`<${Button} name="seen" id="changes-seen" run=${markSeen} label="Mark as seen" />`}
    </form>
    ${trouble && html`<p class="quiet">Could not be read: ${trouble.title}.</p>`}
    ${!found && !trouble && html`<p class="quiet">Not answered yet.</p>`}
    ${
      !sinceChoice() &&
      !lastSeen() &&
      html`<p class="quiet">You have marked nothing as seen yet: these are the changes of a day.</p>`
    }
    ${
      found &&
      !found.Complete &&
      found.Since > since &&
      html`<p class="quiet">The server's record begins only then.</p>`
    }
    ${
      found &&
      !found.Complete &&
      found.Since <= since &&
      !unseen.Targets &&
      html`<p
      class="quiet">Some accounts were read for the first time since then: what changed there before is not known.</p>`
    }
    ${
      unseen.Targets > 0 &&
      html`<p class="warning"
      id="changes-unseen">${some(unseen.Accounts, "administrator")} in ${some(unseen.Regions, "region")} were not read
        since then: what changed there is not known, and their members are not gone.</p>`
    }
    ${
      found?.Changes.length === 0 &&
      html`<p>${unseen.Targets > 0 ? "No other membership changed." : "No membership changed."}</p>`
    }
    ${
      found?.Changes.length > 0 &&
      html`<${Table} id="changes-table" caption="Memberships that changed, newest first" rows=${found.Changes}
        rowKey=${(one) => `${one.Time} ${one.AccountId} ${one.Region} ${one.MemberId}`} columns=${columns} />
      ${found.Left > 0 && html`<p class="quiet">And ${count(found.Left)} more.</p>`}`
    }
  </section>`;
}

const dimmed = (content, since) =>
  since ? html`<span class="old" title=${`as of ${timestamp(since)} UTC`}>${content}</span>` : content;

function Regions({ totals }) {
  // No answer is not 0.
  const number = (one, value) =>
    one.answered ? dimmed(count(value), one.stale) : html`<span class="unknown">${noNumber(one)}</span>`;
  const column = (key, label, cell) => ({ key, label, number: true, cell });
  const columns = [
    { key: "region", label: "Region", value: (one) => one.region },
    ...shownStatuses(totals).map(([status, word]) => column(status, word, (one) => number(one, one.counts[status]))),
    column("all", "Memberships", (one) => number(one, total(one.counts))),
    column("empty", "No graph", (one) => one.empty > 0 && html`<${Badge}>${count(one.empty)}<//>`),
    column("failed", "Failed", (one) => one.failed > 0 && html`<${Badge} kind="bad">${count(one.failed)}<//>`),
    column(
      "pending",
      "Not answered yet",
      (one) => one.pending > 0 && html`<span class="unknown">${count(one.pending)}</span>`,
    ),
  ];
  return html`<${Table} id="regions" caption="Memberships by status and region; the last columns count accounts"
    rows=${[...totals.values()]} rowKey=${(one) => one.region}
    columns=${columns} foot=${sumOf(totals)} />`;
}

const shownStatuses = (totals) => ([...totals.values()].some((one) => one.counts.OTHER) ? ALL : STATUSES);

function state(target) {
  if (target.Error) return ["failed", target.Error.Cause ?? target.Error.code ?? "failed", "bad"];
  return target.GraphArn === null ? ["empty", "no graph", "plain"] : ["graph", "graph", "good"];
}

const TARGET_STATUSES = [...STATUSES, ["failure", "Could not be checked"], ["empty", "No graph"]];
let filtered = { key: null, rows: [] };

function Accounts({ totals }) {
  const { find = "" } = address.query;
  const [status, region] = [choiceOf("status", TARGET_STATUSES), choiceOf("region", settings.Regions)];
  const { rows } = fleet;
  let failures = 0;
  for (const one of totals.values()) failures += one.failed;
  const part = digitsOf(find);
  const key = JSON.stringify([part, region, status]);
  if (filtered.from !== rows || filtered.key !== key) {
    const matches = (target) =>
      target.AccountId.includes(part) &&
      (!region || target.Region === region) &&
      (!status ||
        (status === "failure"
          ? target.Error
          : status === "empty"
            ? !target.Error && target.GraphArn === null
            : target.Counts?.[status]));
    const found = part || region || status ? rows.filter(matches) : rows;
    if (filtered.key !== null && filtered.key !== key) {
      announce(`${count(found.length)} of ${count(rows.length)} accounts and regions`);
    }
    filtered = { from: rows, key, rows: found };
  }
  const number = (target, value) => {
    if (!target.Counts || target.GraphArn === null) return html`<span class="unknown">–</span>`;
    return dimmed(count(value), fleet.isOld(target) && target.time);
  };
  const columns = [
    {
      key: "account",
      label: "Account",
      value: (one) => `${one.AccountId} ${one.Region}`,
      cell: (one) => html`<a href=${link("account", [one.AccountId])}>${one.AccountId}</a>`,
    },
    { key: "region", label: "Region", value: (one) => one.Region },
    {
      key: "state",
      label: "Graph",
      value: (one) => ["failed", "empty", "graph"].indexOf(state(one)[0]),
      cell: (one) => html`<${Badge} kind=${state(one)[2]}>${state(one)[1]}<//>`,
    },
    ...shownStatuses(totals).map(([name, word]) => ({
      key: name,
      label: word,
      number: true,
      value: (one) => one.Counts?.[name] ?? 0,
      cell: (one) => number(one, one.Counts?.[name] ?? 0),
    })),
    {
      key: "all",
      label: "Memberships",
      number: true,
      value: (one) => total(one.Counts ?? {}),
      cell: (one) => number(one, total(one.Counts ?? {})),
    },
    { key: "time", label: "As of (UTC)", value: (one) => one.time, cell: (one) => timestamp(one.time) },
  ];
  const shown = `${count(filtered.rows.length)} of ${some(rows.length, "account and region", "accounts and regions")}`;
  const unchecked = failures ? `; ${count(failures)} of them could not be checked` : "";
  return html`<section aria-labelledby="targets-title" id="accounts">
    <h2 id="targets-title">Accounts with graphs</h2>
    <form class="filter" onSubmit=${(event) => event.preventDefault()}>
      <${Find} id="targets-account" label="Account" value=${find} />
      <${Filter} id="targets-region" label="Region"><${Select} id="targets-region" value=${region} any="any"
        choices=${settings.Regions} change=${(value) => adjust({ region: value })} /><//>
      <${Filter} id="targets-status" label="Status"><${Select} id="targets-status" value=${status} any="any"
        choices=${TARGET_STATUSES} change=${(value) => adjust({ status: value })} /><//>
    </form>
    <p class="quiet" id="targets-shown">${shown} that were asked${unchecked}</p>
    <${Table} id="targets" caption="Memberships by status, account and region" rows=${filtered.rows}
      rowKey=${(one) => `${one.AccountId} ${one.Region}`} view=${key}
      columns=${columns} sort=${sortOf("account", columns)} onSort=${adjustSort} />
    <${Exports} kind="members" query=${{ region }}
      failed=${failures}>${region ? `all members in ${region}` : "all members"}<//> <${Exports} kind="failures"
      query=${{}}>all failures<//>
  </section>`;
}

export function Fleet() {
  const totals = totalsOf();
  const asOf = fleet.survey && timestamp(fleet.survey.StartedTime);
  say(totals);
  return html`
    <section aria-labelledby="fleet-title" id="fleet">
      <div class="bar">
        <h2 id="fleet-title">Fleet</h2>
        <p id="fleet-count">${asOf ? `${progressWords()}, as of ${asOf} UTC` : "Not answered yet"}</p>
        <progress id="fleet-progress" aria-label="Accounts and regions that are done" max=${fleet.progress?.Total || 1}
          value=${fleet.progress?.Done ?? 0}></progress>
        <${RefreshButton} id="fleet-refresh" busy=${fleet.loading} run=${() => fleet.load({ fresh: true })} />
      </div>
      ${fleet.phase !== "ready" && html`<${Freshness} id="fleet-freshness" of=${fleet} />`}
      <${Problem} id="fleet-alert" problem=${fleet.problem}
        retry=${fleet.phase === "failed" ? () => fleet.load() : null} />
    </section>
    <${Attention} totals=${totals} />
    <section aria-labelledby="chart-title" id="overview">
      <h2 id="chart-title">Memberships by status and region</h2>
      <${Legend} statuses=${shownStatuses(totals)} />
      <${Chart} totals=${totals} />
      <p id="chart-text" class="hidden">The table below has the same numbers.</p>
      <${Regions} totals=${totals} />
    </section>
    <${Changes} />
    <${Accounts} totals=${totals} />
  `;
}
