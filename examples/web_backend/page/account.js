// One account everywhere: is it covered, where is it a member, and what can be done.

import { address, link } from "./address.js";
import { call, path } from "./api.js";
import { Cell, verdict } from "./coverage.js";
import { nameOf, personal, settings } from "./data.js";
import { Failures } from "./failures.js";
import { memberColumns, memberKey } from "./members.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { inWords } from "./statuses.js";
import { changed } from "./store.js";
import { Freshness, Problem, RefreshButton, timestamp } from "./ui.js";

const administrator = (id) => (id ? html`<a href=${link("account", [id])}>${id}</a>` : "");

const AGAIN = 2000; // milliseconds until an incomplete answer is asked for again

let known = null; // the latest answer
let phase = "idle";
let problem = null;
let began = 0;
let wanted = null;

export function show([id]) {
  if (id === wanted) return;
  wanted = id;
  known = null;
  load(id);
}

export function leave() {
  wanted = null;
}

async function load(id) {
  phase = "loading";
  problem = null;
  began = Date.now();
  changed();
  try {
    for (;;) {
      const found = await call(`${path`api/accounts/${id}`}?wait=5${personal.shown ? "&emails=true" : ""}`);
      if (id !== wanted) return;
      known = found;
      changed();
      if (found.Complete) break;
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
      if (id !== wanted) return;
    }
    phase = "ready";
  } catch (error) {
    if (id !== wanted) return;
    if (!error.problem) throw error;
    phase = "failed";
    problem = error.problem;
  }
  changed();
}

export const isLoading = () => phase === "loading" && wanted !== null;

export function Account() {
  const [id] = address.ids;
  const cells = new Map((known?.Coverage ?? []).map((cell) => [cell.Region, cell]));
  const asked = [...cells.values()].filter((cell) => cell.State !== "not asked");
  const on = asked.filter((cell) => cell.State === "on").length;
  const gaps = asked.length - on;
  const pending = settings.Regions.length - asked.length;
  const memberships = (known?.Memberships ?? []).map(({ AccountId, Region, Member }) => ({ ...Member, Administrator: AccountId, Region }));
  const columns = [
    { key: "region", label: "Region", value: (one) => one },
    { key: "state", label: "Coverage", value: (one) => cells.get(one)?.State, cell: (one) => html`<${Cell} cell=${cells.get(one)} failed=${phase === "failed"} plain=${true} />` },
    { key: "reason", label: "Reason", wide: true, value: (one) => cells.get(one)?.Reason ?? cells.get(one)?.Cause ?? "" },
    { key: "since", label: "Since (UTC)", value: (one) => timestamp(cells.get(one)?.Since) },
    { key: "administrator", label: "Graph of", value: (one) => cells.get(one)?.AdministratorId, cell: (one) => administrator(cells.get(one)?.AdministratorId) },
  ];
  const missing = settings.Regions.filter((region) => cells.has(region) && ["off", "unseen"].includes(cells.get(region).State));
  return html`
    <section aria-labelledby="account-title" id="one">
      <div class="bar">
        <h2 id="account-title">Account ${id}${nameOf(id) && `: ${nameOf(id)}`}</h2>
        <${Freshness} id="account-freshness" phase=${phase} time=${known?.AsOf} progress=${known} began=${began} />
        <${RefreshButton} id="account-refresh" busy=${phase === "loading"} run=${() => load(id)} />
      </div>
      <${Problem} id="account-alert" problem=${problem} retry=${() => load(id)} />
      ${known && html`<p id="account-verdict" role="status"><strong>${verdict(`Account ${id}`, on, gaps, pending)}.</strong></p>`}
      ${known?.IsAdministrator && html`<p>It is an administrator: it has graphs of its own.</p>`}
      <${Table} id="account-coverage" caption="Coverage by region" rows=${settings.Regions} rowKey=${(one) => one} columns=${columns} />
      ${missing.length > 0 && html`<p class="buttons"><a class="main" id="account-onboard" href=${link("onboarding", [], { accounts: id, regions: missing.join(",") })}>Onboard this account in ${missing.join(", ")}</a></p>`}
    </section>
    <section aria-labelledby="memberships-title" id="memberships">
      <h2 id="memberships-title">Memberships</h2>
      ${!known && html`<p class="quiet">Not answered yet.</p>`}
      ${known && memberships.length === 0 && html`<p>${known.Complete ? "It is a member of no graph that was asked." : "None so far."}</p>`}
      ${memberships.length > 0 && html`<${Table} id="account-memberships" caption="Graphs that the account is a member of" rows=${memberships} rowKey=${memberKey} columns=${memberColumns().slice(1)} />`}
    </section>
    ${known?.Failures?.length > 0 &&
    html`<section aria-labelledby="account-failures-title" id="account-failures">
      <h2 id="account-failures-title">Could not be checked</h2>
      <${Failures} id="account-causes" kind="members" failures=${known.Failures.map((one) => (one.Failure ? one : { ...one, Failure: one }))} reload=${() => load(id)} changed=${changed} />
    </section>`}
    ${known?.Changes?.length > 0 &&
    html`<section aria-labelledby="account-changes-title" id="account-changes">
      <h2 id="account-changes-title">What changed</h2>
      <ul>${known.Changes.map((one) => html`<li key=${`${one.Time} ${one.AccountId} ${one.Region}`}>${timestamp(one.Time)} UTC, ${one.Region}, graph of ${one.AccountId}: ${inWords(one.Before)} became ${inWords(one.After)}</li>`)}</ul>
    </section>`}
  `;
}
