// Investigations: those of all accounts and regions, the one that was chosen, and a form to start one.

import { address, adjust, adjustSort, choiceOf, link, sortOf } from "./address.js";
import { investigations } from "./data.js";
import { Failures } from "./failures.js";
import { Investigation, Severity, Word, close, entityName, open } from "./investigation.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { Start } from "./start.js";
import { SEVERITIES, severityRank } from "./statuses.js";
import { announce, changed } from "./store.js";
import {
  AsOf,
  Exports,
  Filter,
  Freshness,
  Problem,
  RefreshButton,
  Select,
  ageClass,
  count,
  isKnown,
  some,
  timestamp,
} from "./ui.js";

export const tryAgain = () => investigations.tryAgain();

export function leave() {
  investigations.leave();
  close();
}

export function show(ids) {
  investigations.enter();
  if (ids.length) open(ids);
  else close();
}

const COLUMNS = [
  {
    key: "entity",
    label: "User or role",
    wide: true,
    value: (row) => entityName(row.EntityArn),
    cell: ({ AccountId, Region, InvestigationId, EntityArn }) =>
      html`<a href=${link("investigations", [AccountId, Region, InvestigationId], address.query)}>
        ${entityName(EntityArn)}
      </a>`,
  },
  {
    key: "severity",
    label: "Severity",
    value: (row) => severityRank(row.Severity),
    cell: (row) => html`<${Severity} word=${row.Severity} />`,
  },
  {
    key: "status",
    label: "Status",
    value: (row) => row.Status,
    cell: (row) => html`<${Word} of=${row.Status} /><${AsOf} since=${row.stale} />`,
  },
  { key: "state", label: "State", value: (row) => row.State, cell: (row) => html`<${Word} of=${row.State} />` },
  {
    key: "account",
    label: "Account",
    value: (row) => row.AccountId,
    cell: (row) => html`<a href=${link("account", [row.AccountId])}>${row.AccountId}</a>`,
  },
  { key: "region", label: "Region", value: (row) => row.Region },
  {
    key: "created",
    label: "Started (UTC)",
    value: (row) => row.CreatedTime,
    cell: (row) => timestamp(row.CreatedTime),
  },
];

const INVESTIGATION_STATES = [
  ["ACTIVE", "active"],
  ["ARCHIVED", "archived"],
];

let told = null;
let ordered = { from: null, rows: [] };

// Where the sort finds no difference, such as in the severity, the newest comes first.
function newestFirst() {
  const { rows } = investigations;
  if (ordered.from !== rows) {
    ordered = {
      from: rows,
      rows: [...rows].sort((a, b) => (a.CreatedTime < b.CreatedTime ? 1 : a.CreatedTime > b.CreatedTime ? -1 : 0)),
    };
  }
  return ordered.rows;
}

export function Investigations() {
  const [severity, state] = [choiceOf("severity", SEVERITIES), choiceOf("state", INVESTIGATION_STATES)];
  const rows = newestFirst();
  const shown = rows.filter((row) => (!severity || row.Severity === severity) && (!state || row.State === state));
  const words = `${count(shown.length)} of ${some(rows.length, "investigation")}`;
  const key = `${severity} ${state}`;
  if (told !== null && told !== key) announce(words);
  told = key;
  return html`
    <section aria-labelledby="investigations-title" id="investigations">
      <div class="bar">
        <h2 id="investigations-title">Investigations</h2>
        <${Freshness} id="investigations-freshness" of=${investigations} />
        <${RefreshButton} id="investigations-refresh" busy=${investigations.loading}
          run=${() => investigations.load({ fresh: true })} />
      </div>
      <${Problem} id="investigations-alert" problem=${investigations.problem} retry=${() => investigations.load()} />
      ${
        investigations.failures.length > 0 &&
        html`<h3>Could not be checked</h3><${Failures}
        id="investigations-failures" kind="investigations" failures=${investigations.failures}
        reload=${() => investigations.load()} changed=${changed} />`
      }
      <form class="filter" onSubmit=${(event) => event.preventDefault()}>
        <${Filter} id="investigations-severity" label="Severity"><${Select} id="investigations-severity"
          value=${severity} any="any" choices=${SEVERITIES} change=${(value) => adjust({ severity: value })} /><//>
        <${Filter} id="investigations-state" label="State"><${Select} id="investigations-state" value=${state} any="any"
          choices=${INVESTIGATION_STATES} change=${(value) => adjust({ state: value })} /><//>
      </form>
      ${
        isKnown(investigations) &&
        html`<p class="quiet" id="investigations-shown">${words}${investigations.time ? "" : ", so far"}</p>`
      }
      <${Table} id="investigations-table" caption="Investigations, most severe first; each links to its indicators"
        rows=${shown} rowKey=${(row) => `${row.AccountId} ${row.Region} ${row.InvestigationId}`} view=${key}
        columns=${COLUMNS}
        rowClass=${(row) => ageClass(row, investigations.phase)}
        sort=${sortOf("severity", COLUMNS)} onSort=${adjustSort} />
      <${Exports} kind="investigations" failed=${investigations.failures.length} query=${{ severity, state }}>these<//>
      <${Start} />
    </section>
    <${Investigation} />
  `;
}
