// The matrix of accounts and regions: where Detective sees an account, where it does not, and why.

import { adjust, adjustSort, address, choiceOf, digitsOf, isAccount, link, sortOf } from "./address.js";
import { coverage, nameOf, personal, settings } from "./data.js";
import { Failures } from "./failures.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { STATES, isGap } from "./statuses.js";
import { announce, changed } from "./store.js";
import { Exports, Filter, Find, Freshness, Problem, RefreshButton, Select, count, some, timestamp } from "./ui.js";

export const show = () => coverage.enter();
export const leave = () => coverage.leave();
export const tryAgain = () => coverage.tryAgain();

// Why a cell is as it is: what failed says more than that it did.
export const reasonOf = (cell) => (cell?.State === "failed" ? (cell.Cause ?? cell.Reason) : cell?.Reason);

// Of when a cell is, if it could not be read again. `of`: what is known of the answer, as for `Freshness`.
export const oldSince = (cell, { phase, time }) => cell.stale ?? (phase === "failed" ? (time ?? null) : null);

// The sign, the word and the reason of one cell; no cell was not asked yet.
export function Cell({ cell, of, plain = false }) {
  const failed = of.phase === "failed";
  const old = cell && oldSince(cell, of);
  const [sign, word, kind] = STATES.get(cell?.State ?? (failed ? "failed" : "not asked")) ?? ["?", cell.State, "plain"];
  const reason = reasonOf(cell);
  return html`<span class=${old ? "cell old" : "cell"}
    title=${old ? `as of ${timestamp(old)} UTC` : null}>
    <span class="badge" data-kind=${kind}><span aria-hidden="true">${sign} </span>${word}</span>
    ${reason && !plain && html` <small>${reason}</small>`}
  </span>`;
}

let grouped = { from: null, phase: null, rows: [] };

// Account -> its cells, and the numbers of them that are covered, are not, and have not answered.
function byAccount() {
  if (grouped.from === coverage.rows && grouped.phase === coverage.phase) return grouped.rows;
  const accounts = new Map(settings.Accounts.map((account) => [account, new Map()]));
  for (const cell of coverage.rows) {
    if (!accounts.has(cell.AccountId)) accounts.set(cell.AccountId, new Map());
    accounts.get(cell.AccountId).set(cell.Region, cell);
  }
  const rows = [...accounts].map(([account, cells]) => {
    const states = new Map();
    for (const { State } of cells.values()) states.set(State, (states.get(State) ?? 0) + 1);
    const on = states.get("on") ?? 0;
    const gaps = [...cells.values()].filter((cell) => isGap(cell.State)).length;
    const old = [...cells.values()]
      .map((cell) => oldSince(cell, coverage))
      .filter(Boolean)
      .sort();
    return {
      account,
      cells,
      states,
      on,
      unknown: cells.size - on - gaps,
      old,
      gaps,
      pending: settings.Regions.length - cells.size,
    };
  });
  grouped = { from: coverage.rows, phase: coverage.phase, rows };
  return rows;
}

const CHOICES = [
  ["gaps", "not covered everywhere"],
  ["on", "covered everywhere"],
  ["off", "off somewhere"],
  ["unseen", "unseen somewhere"],
  ["failed", "could not be checked somewhere"],
];

// Whether the server can look for it: a part of an id, or nothing.
export const isPart = (text) => /^\d{0,12}$/.test(text);

// By a part of the id, or of the name if names are shown.
export function finder(part) {
  const lower = part.toLowerCase();
  const isId = !part || /^\d+$/.test(part);
  return (account, email) =>
    account.includes(part) ||
    (!isId && (nameOf(account).toLowerCase().includes(lower) || Boolean(email?.toLowerCase().includes(lower))));
}

function matches(row, has, state) {
  if (!has(row.account)) return false;
  if (state === "gaps") return row.gaps > 0;
  if (state === "on") return row.on === settings.Regions.length;
  return !state || row.states.has(state);
}

export function verdict(name, on, gaps, pending, unknown = 0) {
  const where = `covered in ${count(on)} of ${some(on + gaps + pending + unknown, "region")}`;
  const notKnown = `not known in ${some(unknown, "region")}, which could not be checked`;
  if (pending) return `${name} is ${where} so far; ${some(pending, "region")} not answered yet`;
  if (unknown) {
    if (!on && !gaps) return `${name}: ${notKnown}`;
    return gaps
      ? `${name} is not covered everywhere: ${where}, and ${notKnown}`
      : `${name} is ${where}, and ${notKnown}`;
  }
  return gaps
    ? `${name} is not covered everywhere: ${where}`
    : `${name} is covered everywhere: in ${on === 1 ? "its region" : `all ${count(on)} regions`}`;
}

// What is old, and could not be checked since; nothing if all is new.
export const oldWords = (old) =>
  old.length
    ? `; as of ${timestamp(old[0])} UTC in ${some(old.length, "region")}, which could not be checked since`
    : "";

const PERSONAL = html`Names and e-mail addresses are found in <a
  href=${link("members")}>Members</a>, once they are shown there.`;
const be = (number) => (number === 1 ? "is" : "are");
let told = null;

export function Coverage() {
  const { find = "" } = address.query;
  const state = choiceOf("state", CHOICES);
  const part = digitsOf(find);
  const all = byAccount();
  const has = finder(part);
  const rows = all.filter((row) => matches(row, has, state));
  const everywhere = all.filter((row) => row.on === settings.Regions.length).length;
  const outdated = all.filter((row) => row.old.length);
  // One gap that is known is enough to say that an account is not covered everywhere.
  const open = all.filter((row) => row.unknown && !row.gaps).length;
  const others = all.length - everywhere - open;
  const rest = `; ${others ? `${count(others)} ${be(others)} not, and ` : ""}${count(open)} ${be(open)} not known`;
  const covered = `${count(everywhere)} of ${some(all.length, "account")} ${be(everywhere)} covered in every region`;
  const summary =
    open < all.length || !open
      ? `${covered}${open ? rest : ""}`
      : `It is not known of ${some(open, "account")} whether they are covered in every region`;
  const before = outdated.length;
  const asBefore = before
    ? `; ${some(before, "account")} could not be checked everywhere, and ${be(before)} shown as before`
    : "";
  const exact = rows.length === 1 && part && rows[0];
  const words = exact
    ? `${verdict(exact.account, exact.on, exact.gaps, exact.pending, exact.unknown)}${oldWords(exact.old)}.`
    : `${count(rows.length)} of ${some(all.length, "account")} shown.`;
  const key = `${find} ${state}`;
  if (told !== null && told !== key) announce(words);
  told = key;
  // A file has cells, and not accounts: only some filters mean the same for both.
  const exported = {
    account: isPart(part) ? part : "",
    state: ["off", "unseen", "failed"].includes(state) ? state : "",
  };
  const allCells = `all cells${exported.account || exported.state ? " of this filter" : ""}`;
  const isShown = part && !state && exported.account === part;
  const columns = [
    {
      key: "account",
      label: "Account",
      short: true,
      value: (row) => row.account,
      cell: (row) =>
        html`<a href=${link("account", [row.account])}>${row.account}</a>${
          nameOf(row.account) && html` <small>${nameOf(row.account)}</small>`
        }`,
    },
    {
      key: "gaps",
      label: "Gaps",
      number: true,
      value: (row) => row.gaps + (row.unknown && 0.5),
      cell: (row) =>
        html`<span>${
          row.pending ? html`<span class="unknown">${row.gaps || "…"}</span>` : row.gaps
        }${row.unknown > 0 && html` <small>${count(row.unknown)} not known</small>`}</span>`,
    },
    ...settings.Regions.map((region) => ({
      key: region,
      label: region,
      short: true,
      value: (row) => [...STATES.keys()].indexOf(row.cells.get(region)?.State),
      cell: (row) => html`<${Cell} cell=${row.cells.get(region)} of=${coverage} />`,
    })),
  ];
  return html`
    <section aria-labelledby="coverage-title" id="coverage">
      <div class="bar">
        <h2 id="coverage-title">Coverage</h2>
        <${Freshness} id="coverage-freshness" of=${coverage} />
        <${RefreshButton} id="coverage-refresh" busy=${coverage.loading} run=${() => coverage.load({ fresh: true })} />
      </div>
      <${Problem} id="coverage-alert" problem=${coverage.problem} retry=${() => coverage.load()} />
      ${coverage.time && html`<p id="coverage-summary">${summary}${asBefore}.</p>`}
      <p class="legend quiet">${[...STATES.values()].map(
        ([sign, word, kind]) => html`<span key=${word}><span
        class="badge" data-kind=${kind}><span aria-hidden="true">${sign} </span>${word}</span></span>`,
      )}</p>
      <p class="quiet">On: a graph has its data. Off: a member or an administrator, but without data. Unseen: in no
        graph there that was asked.</p>
    </section>
    ${
      coverage.failures.length > 0 &&
      html`<section aria-labelledby="coverage-failures-title" id="coverage-failures">
      <h2 id="coverage-failures-title">Could not be checked</h2>
      <p class="quiet">These administrators did not answer: their members may be covered all the same.</p>
      <${Failures} id="coverage-causes" kind="coverage" failures=${coverage.failures} reload=${() => coverage.load()}
        changed=${changed} />
    </section>`
    }
    <section aria-labelledby="matrix-title" id="matrix">
      <h2 id="matrix-title">Accounts and regions</h2>
      <form class="filter" onSubmit=${(event) => event.preventDefault()}>
        <${Find} id="coverage-find" label=${personal.shown ? "Account or name" : "Account"} text=${personal.shown}
          value=${find} />
        <${Filter} id="coverage-state" label="Coverage"><${Select} id="coverage-state" value=${state} any="any"
          choices=${CHOICES} change=${(value) => adjust({ state: value })} /><//>
      </form>
      <p class="quiet" id="coverage-shown">${words}</p>
      ${
        rows.length === 0 &&
        /^\d+$/.test(part) &&
        !isAccount(part) &&
        html`<p id="coverage-digits">An account id has 12 digits; this has ${count(part.length)}.</p>`
      }
      ${
        rows.length === 0 &&
        part &&
        !/^\d+$/.test(part) &&
        html`<p id="coverage-words">No account has this in its id${personal.shown ? " or name" : ""}. ${PERSONAL}</p>`
      }
      ${
        rows.length === 0 &&
        isAccount(part) &&
        html`<p>Account ${part} is in no graph that was asked. <a href=${link("account", [part])}>Look at it</a></p>`
      }
      <${Table} id="coverage-table" caption="Coverage of accounts, region by region" rows=${rows}
        rowKey=${(row) => row.account} view=${key}
        columns=${columns} sort=${sortOf("-gaps", columns)} onSort=${adjustSort} />
      <${Exports} kind="coverage" failed=${coverage.failures.length}
        query=${exported}>${isShown ? "these" : allCells}<//>
    </section>
  `;
}
