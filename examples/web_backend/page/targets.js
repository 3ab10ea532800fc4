// The table of every account and region of the fleet: its graph, and its memberships by status.

import { adjust, adjustSort, address, choiceOf, digitsOf, link, sortOf } from "./address.js";
import { fleet, settings } from "./data.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { STATUSES, total } from "./statuses.js";
import { announce } from "./store.js";
import { dimmed, isEmpty, shownStatuses } from "./totals.js";
import { Badge, Exports, Filter, Find, Select, count, some, timestamp } from "./ui.js";

function state(target) {
  if (target.Error) return ["failed", target.Error.Cause ?? target.Error.code ?? "failed", "bad"];
  return isEmpty(target) ? ["empty", "no graph", "plain"] : ["graph", "graph", "good"];
}

const TARGET_STATUSES = [...STATUSES, ["failure", "Could not be checked"], ["empty", "No graph"]];
let filtered = { key: null, rows: [] };

export function Targets({ totals }) {
  const { find = "" } = address.query;
  const [status, region] = [choiceOf("status", TARGET_STATUSES), choiceOf("region", settings.Regions)];
  const { rows } = fleet;
  let [failures, memberships] = [0, 0];
  for (const one of totals.values()) {
    failures += one.failed;
    if (!region || one.region === region) memberships += total(one.counts);
  }
  const part = digitsOf(find);
  const key = JSON.stringify([part, region, status]);
  if (filtered.from !== rows || filtered.key !== key) {
    const matches = (target) =>
      target.AccountId.includes(part) &&
      (!region || target.Region === region) &&
      (!status ||
        (status === "failure" ? target.Error : status === "empty" ? isEmpty(target) : target.Counts?.[status]));
    const found = part || region || status ? rows.filter(matches) : rows;
    if (filtered.key !== null && filtered.key !== key) {
      announce(`${count(found.length)} of ${count(rows.length)} accounts and regions`);
    }
    filtered = { from: rows, key, rows: found };
  }
  const number = (target, value) => {
    if (!target.Counts || isEmpty(target)) return html`<span class="unknown">–</span>`;
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
      cell: (one) => {
        const before = one.Error && isEmpty(one) && dimmed("no graph", one.time);
        return html`<${Badge} kind=${state(one)[2]}>${state(one)[1]}<//>${before && html` <small>${before}</small>`}`;
      },
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
    <${Exports} kind="members" query=${{ region }} phase=${fleet.phase} old=${0} rows=${memberships}
      failed=${failures}>${region ? `all members in ${region}` : "all members"}<//> <${Exports} kind="failures"
      query=${{}} phase=${fleet.phase} old=${0} rows=${failures}>all failures<//>
  </section>`;
}
