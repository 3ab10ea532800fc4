// One account everywhere: is it covered, where is it a member, and what can be done.

import { address, link } from "./address.js";
import { Failure, MALFORMED, call, path } from "./api.js";
import { Cell, oldSince, oldWords, reasonOf, verdict } from "./coverage.js";
import { accounts, askAgain, coverage, members, nameOf, personal, settings } from "./data.js";
import { allOldSince } from "./dataset.js";
import { Failures, OtherFailures } from "./failures.js";
import { memberColumns, memberKey } from "./members.js";
import { Offers, absence, byRegion, doubtful, withoutAnswer } from "./offers.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { cellOf, failureOf, memberOf } from "./records.js";
import { inWords, isGap } from "./statuses.js";
import { Retry, pause } from "./retry.js";
import { changed } from "./store.js";
import { Freshness, Problem, RefreshButton, ageClass, some, timestamp } from "./ui.js";

const CHANGES = [
  { key: "time", label: "Noticed (UTC)", value: (one) => timestamp(one.Time) },
  { key: "region", label: "Region", value: (one) => one.Region },
  { key: "graph", label: "Graph of", value: (one) => one.AccountId },
  { key: "member", label: "Member", value: (one) => one.MemberId },
  { key: "change", label: "Change", wide: true, value: (one) => became(one.Before, one.After) },
];

const administrator = (id) => (id ? html`<a href=${link("account", [id])}>${id}</a>` : "");

// What the heading says already.
const OF_ACCOUNT = new Set(["account", "name"]);

const AGAIN = 2000; // milliseconds until an incomplete answer is asked for again

let known = null; // the latest answer
let phase = "idle";
let problem = null;
let began = 0;
let progress = null; // how far the latest request is
let wanted = null;
let control = null; // of the latest request
const retry = new Retry();

export function show([id]) {
  if (id === wanted && phase !== "failed") return;
  if (id !== wanted) known = null;
  wanted = id;
  load(id, { fresh: accounts.outdated });
}

export function tryAgain() {
  if (phase === "failed" && retry.isDue()) load(wanted, { quiet: true });
}

export function leave() {
  control?.abort();
  wanted = null;
}

// `fresh`: whether the server has to ask AWS again. It is told so once, and then only asked how far it is.
async function load(id, { fresh = false, quiet = false } = {}) {
  control?.abort();
  const { signal } = (control = new AbortController());
  const left = () => signal.aborted || id !== wanted;
  phase = "loading";
  if (fresh) accounts.outdated = false;
  if (!quiet) problem = progress = null;
  began = performance.now();
  changed();
  try {
    for (let age = fresh ? "&max_age=0" : ""; ; age = "") {
      const answer = await call(`${path`api/accounts/${id}`}?wait=5${age}${personal.shown ? "&emails=true" : ""}`, {
        signal,
      });
      if (left()) return;
      if (!isWhole(answer)) throw new Failure(MALFORMED);
      const found = {
        ...answer,
        Coverage: answer.Coverage.map(cellOf),
        Memberships: answer.Memberships.map(memberOf),
        Failures: (answer.Failures ?? []).map((one) => failureOf(one.Failure ? one : { ...one, Failure: one })),
      };
      // What is known stays until all of it can be replaced; what could not be checked since is old, as in the matrix.
      const before = known?.Complete ? known : elsewhere(id);
      if (!known?.Complete || found.Complete) known = { ...found, ...kept(found, before) };
      progress = found;
      problem = null;
      changed();
      if (found.Complete) break;
      await pause(AGAIN);
      if (left()) return;
    }
    phase = "ready";
    retry.succeeded();
  } catch (error) {
    if (left()) return;
    if (!error.problem) throw error;
    phase = "failed";
    problem = error.problem;
    retry.failed();
  }
  changed();
}

// An answer of another shape would be asked for again without end, since it is never complete.
const isWhole = (found) => Array.isArray(found?.Coverage) && Array.isArray(found.Memberships);

// What the views of all accounts still have of it.
const elsewhere = (id) => ({
  Coverage: ofAccount(id, coverage),
  CoverageAsOf: coverage.time,
  Memberships: ofAccount(id, members),
  MembershipsAsOf: members.time,
});

const ofAccount = (id, { rows, time }) => (time === null ? [] : rows.filter((one) => one.AccountId === id));

// What could not be read again, with the time of when it was.
const kept = (found, before) => ({
  Coverage: found.Coverage.map((cell) => keepKnown(cell, before)),
  Memberships: [
    ...found.Memberships,
    ...before.Memberships.filter((one) => found.Unread?.[one.Region]?.includes(one.Administrator)).map((one) => ({
      ...one,
      stale: one.stale ?? before.MembershipsAsOf,
    })),
  ],
});

function keepKnown(cell, { Coverage, CoverageAsOf }) {
  const before = Coverage.find((one) => one.Region === cell.Region);
  return cell.State === "failed" && before && before.State !== "failed"
    ? { ...before, stale: before.stale ?? CoverageAsOf }
    : cell;
}

// In both surveys that the page is made from.
const askBothAgain = (cause, where) => Promise.all(["members", "coverage"].map((kind) => askAgain(kind, cause, where)));

// What is said of an account may be half of the truth where an administrator did not answer.
const doubtWords = (regions) =>
  regions.length
    ? `; not every administrator answered in ${regions.join(", ")}, where it may be covered all the same`
    : "";

function withDoubt(reason, cell) {
  return doubtful(known, cell ? [cell] : []).length
    ? [reason, withoutAnswer(known, cell.Region)].filter(Boolean).join("; ")
    : reason;
}

const became = (before, after) =>
  `${before == null ? "was not a member" : `was ${inWords(before)}`}, now ${inWords(after)}`;

export const isLoading = () => phase === "loading" && wanted !== null;

export function Account() {
  const [id] = address.ids;
  const cells = new Map((known?.Coverage ?? []).map((cell) => [cell.Region, cell]));
  const asked = [...cells.values()].filter((cell) => cell.State !== "not asked");
  const on = asked.filter((cell) => cell.State === "on").length;
  const gaps = asked.filter((cell) => isGap(cell.State)).length;
  const of = { phase, time: known?.CoverageAsOf };
  const old = asked
    .map((cell) => oldSince(cell, of))
    .filter(Boolean)
    .sort();
  const unknown = asked.length - on - gaps;
  const pending = settings.Regions.length - asked.length;
  const reasons = new Map(
    asked.filter((cell) => cell.State === "failed").map((cell) => [cell.Region, absence(known, cell.Region)]),
  );
  // In no graph of those that answered, everywhere: that is no failure to be solved first.
  const isAbsent = pending === 0 && asked.length > 0 && asked.every((cell) => reasons.get(cell.Region));
  const answer = isAbsent
    ? `Account ${id} was not found. ${byRegion(reasons)}.`
    : `${verdict(`Account ${id}`, on, gaps, pending, unknown)}${oldWords(old)}${doubtWords(doubtful(known, asked))}.`;
  const memberships = known?.Memberships ?? [];
  const unread = Object.values(known?.Unread ?? {}).reduce((sum, ids) => sum + ids.length, 0);
  const columns = [
    { key: "region", label: "Region", value: (one) => one },
    {
      key: "state",
      label: "Coverage",
      value: (one) => cells.get(one)?.State,
      cell: (one) => html`<${Cell} cell=${cells.get(one)} of=${of} plain=${true} />`,
    },
    {
      key: "reason",
      label: "Reason",
      wide: true,
      value: (one) => reasons.get(one) ?? withDoubt(reasonOf(cells.get(one)) ?? "", cells.get(one)),
    },
    { key: "since", label: "Since (UTC)", value: (one) => timestamp(cells.get(one)?.Since) },
    {
      key: "administrator",
      label: "Graph of",
      value: (one) => cells.get(one)?.AdministratorId,
      cell: (one) => administrator(cells.get(one)?.AdministratorId),
    },
  ];
  return html`
    <section aria-labelledby="account-title" id="one">
      <div class="bar">
        <h2 id="account-title">Account ${id}${nameOf(id) && `: ${nameOf(id)}`}</h2>
        <${Freshness} id="account-freshness" of=${{
          ...of,
          oldSince: allOldSince(asked.filter((cell) => cell.State !== "failed")),
          progress,
          began,
        }} />
        <${RefreshButton} id="account-refresh" busy=${phase === "loading"} run=${() => load(id, { fresh: true })} />
      </div>
      <${Problem} id="account-alert" problem=${problem} retry=${() => load(id)} />
      ${known && html`<p id="account-verdict" role="status"><strong>${answer}</strong></p>`}
      ${
        known?.IsAdministrator &&
        html`<p>It is an administrator: it has graphs of its own. <a
        href=${link("members", [], { administrator: id })}>Show their members</a></p>`
      }
      <${Table} id="account-coverage" caption="Coverage by region" rows=${settings.Regions} rowKey=${(one) => one}
        columns=${columns} />
      ${known && phase !== "failed" && html`<${Offers} known=${known} cells=${cells} isAbsent=${isAbsent} />`}
    </section>
    <section aria-labelledby="memberships-title" id="memberships">
      <h2 id="memberships-title">Memberships</h2>
      ${
        known?.MembershipsAsOf &&
        html`<p class="quiet" id="memberships-freshness">As of ${timestamp(known.MembershipsAsOf)} UTC</p>`
      }
      ${!known && html`<p class="quiet">${phase === "failed" ? "Could not be read." : "Not answered yet."}</p>`}
      ${
        unread > 0 &&
        html`<p class="warning" id="memberships-unread">
          It may be a member of graphs that are not shown: ${some(
            unread,
            "administrator and region",
            "administrators and regions",
          )} could not be read, and the causes are below.
        </p>`
      }
      ${
        known &&
        unread === 0 &&
        memberships.length === 0 &&
        html`<p>${known.Complete ? "It is a member of no graph that was asked." : "None so far."}</p>`
      }
      ${
        memberships.length > 0 &&
        html`<${Table} id="account-memberships"
        caption="Graphs that the account is a member of" rows=${memberships} rowKey=${memberKey}
        columns=${memberColumns().filter(({ key }) => !OF_ACCOUNT.has(key))}
        rowClass=${(one) => ageClass(one, phase)} />`
      }
    </section>
    ${
      (known?.Failures?.length > 0 || known?.Causes?.length > 0) &&
      html`<section aria-labelledby="account-failures-title" id="account-failures">
      <h2 id="account-failures-title">Could not be checked</h2>
      ${
        known.Failures?.length > 0 &&
        html`<${Failures} id="account-causes" kind="members"
        failures=${known.Failures} reload=${() => load(id)}
        ask=${(cause) => askBothAgain(cause, { AccountIds: [id] })} changed=${changed} />`
      }
      ${
        known.Causes?.length > 0 &&
        html`<p class="quiet">Administrators that did not answer: the account may be in their graphs too.</p>
          <${OtherFailures} id="account-others" kind="members" causes=${known.Causes} reload=${() => load(id)}
            ask=${(cause, regions) => askBothAgain(cause, { Regions: regions })} />`
      }
    </section>`
    }
    ${
      known?.Changes?.length > 0 &&
      html`<section aria-labelledby="account-changes-title" id="account-changes">
      <h2 id="account-changes-title">What changed</h2>
      <${Table} id="account-changes-table" caption="Changes, newest first" rows=${known.Changes}
        rowKey=${(one) => `${one.Time} ${one.AccountId} ${one.Region} ${one.MemberId}`} columns=${CHANGES} />
    </section>`
    }
  `;
}
