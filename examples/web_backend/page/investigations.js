// Investigations: all accounts and regions, one investigation with its indicators, and a form to start one.

import { address, adjust, adjustSort, choiceOf, go, link, placeNow, sortOf } from "./address.js";
import { call, pages, path } from "./api.js";
import { investigations, settings } from "./data.js";
import { Failures } from "./failures.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { pause } from "./retry.js";
import { SEVERITIES, severityRank } from "./statuses.js";
import { announce, changed, isBusy, notify, once, recall, remember } from "./store.js";
import {
  Badge,
  Button,
  Exports,
  Field,
  Filter,
  Freshness,
  Problem,
  RefreshButton,
  Select,
  count,
  isKnown,
  some,
  submit,
  timestamp,
} from "./ui.js";

const POLL_INTERVAL = 1500; // milliseconds, while an investigation is running
const HOUR = 3600000;
// Severity is what is looked for, so only it is coloured; CRITICAL and HIGH differ in form too.
const SEVERITY_KINDS = { CRITICAL: "critical", HIGH: "bad", MEDIUM: "wait" };

const minutes = (time) => new Date(time).toISOString().slice(0, 16);
const form = recall("start", {
  account: "",
  region: "",
  entity: "",
  from: minutes(Date.now() - 24 * HOUR),
  to: minutes(Date.now()),
  sent: null, // the latest order whose outcome is not known to be good, with its token
});
let startProblem = null; // with the order that it is about
let one = null; // { path, ids, found, indicators, problem }

export const tryAgain = () => investigations.tryAgain();

export function leave() {
  investigations.leave();
  one = null;
}

export function show([account, region, id]) {
  investigations.enter();
  if (!id) one = null;
  else if (one?.ids.join() !== [account, region, id].join()) {
    one = {
      ids: [account, region, id],
      path: path`api/accounts/${account}/regions/${region}/investigations/${id}`,
      found: null,
      indicators: null,
      problem: null,
    };
    read(one);
  }
}

const entityName = (arn) => arn.split(":").slice(4).join(":");

const Severity = ({ word }) =>
  word
    ? html`<${Badge} kind=${SEVERITY_KINDS[word] ?? "plain"}>${word === "CRITICAL" ? "▲ " : ""}${word}<//>`
    : html`<span class="unknown">not known</span>`;
const stateWord = (state) => ({ ACTIVE: "active", ARCHIVED: "archived" })[state] ?? state;
const lower = (word) => (word ?? "").toLowerCase();

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
  { key: "status", label: "Status", value: (row) => row.Status, cell: (row) => lower(row.Status) },
  { key: "state", label: "State", value: (row) => row.State, cell: (row) => stateWord(row.State) },
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

// ---- one investigation

async function read(mine) {
  try {
    for (;;) {
      mine.found = await call(mine.path);
      mine.problem = null;
      if (mine !== one) return;
      changed();
      if (mine.found.Status !== "RUNNING") break;
      await pause(POLL_INTERVAL);
      if (mine !== one) return;
    }
    const rows = [];
    for await (const indicator of pages(`${mine.path}/indicators`, "Indicators")) {
      rows.push({ ...indicator, place: rows.length });
    }
    if (mine !== one) return;
    mine.indicators = rows;
    announce(`${lower(mine.found.Status)}, ${some(rows.length, "indicator")}`);
  } catch (error) {
    if (!error.problem) throw error;
    mine.problem = error.problem;
  }
  changed();
}

async function archive() {
  const mine = one;
  const state = mine.found.State === "ARCHIVED" ? "ACTIVE" : "ARCHIVED";
  try {
    await call(mine.path, { method: "PATCH", body: { State: state } });
    mine.found = { ...mine.found, State: state };
    const row = investigations.rows.find((other) => other.InvestigationId === mine.ids[2]);
    if (row) investigations.replace({ ...row, State: state });
    announce(`It is ${stateWord(state)} now.`);
    mine.problem = null;
  } catch (error) {
    if (!error.problem) throw error;
    mine.problem = error.problem;
  }
}

// The detail has one member, which depends on the kind of indicator and has plain values: they are all shown.
function details({ IndicatorDetail }) {
  const [detail = {}] = Object.values(IndicatorDetail ?? {});
  return Object.entries(detail)
    .map(([name, value]) => `${spaced(name)}: ${value}`)
    .join("; ");
}

// APIName -> API name
const spaced = (name) =>
  name
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .replace(/[A-Z][a-z]+/g, lower);

const INDICATOR_COLUMNS = [
  { key: "kind", label: "Kind", value: (row) => lower(row.IndicatorType.replaceAll("_", " ")) },
  { key: "details", label: "Details", wide: true, value: details },
];

function One() {
  if (!one) return null;
  const { found, indicators, problem } = one;
  const facts = found && [
    ["Severity", html`<${Severity} word=${found.Severity} />`],
    ["State", stateWord(found.State)],
    ["Started", `${timestamp(found.CreatedTime)} UTC`],
    ["Scope", `${timestamp(found.ScopeStartTime)} to ${timestamp(found.ScopeEndTime)} UTC`],
    ["Entity", html`<code>${found.EntityArn}</code>`],
    ["Graph", html`<code>${found.GraphArn}</code>`],
    ["Id", html`<code>${found.InvestigationId}</code>`],
  ];
  const words = indicators
    ? `${lower(found.Status)}, ${some(indicators.length, "indicator")}`
    : found
      ? lower(found.Status)
      : problem
        ? ""
        : "Not answered yet";
  return html`<section aria-labelledby="investigation-title" id="one">
    <div class="bar">
      <h2 id="investigation-title">Investigation${found ? ` of ${entityName(found.EntityArn)}` : ""}</h2>
      <p id="investigation-status">${words}</p>
      ${
        found &&
        html`<${Button} name=${`archive ${one.path}`} id="investigation-archive" run=${archive}
        label=${found.State === "ARCHIVED" ? "Unarchive" : "Archive"} working="Working" />`
      }
      <a href=${link("investigations", [], address.query)}>Close</a>
    </div>
    <${Problem} id="investigation-alert" problem=${problem} retry=${problem && (() => read(one))} />
    ${
      facts &&
      html`<dl class="facts">${facts.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl>`
    }
    <h3>Indicators</h3>
    ${!indicators && !problem && html`<p class="quiet">Not answered yet.</p>`}
    ${indicators?.length === 0 && html`<p class="quiet">None.</p>`}
    ${
      indicators?.length > 0 &&
      html`<${Table} id="indicators" caption="Indicators of the investigation"
      rows=${indicators} rowKey=${(row) => row.place} columns=${INDICATOR_COLUMNS} />`
    }
  </section>`;
}

// ---- the form

function edit(changes) {
  Object.assign(form, changes);
  remember("start", form);
  changed();
}

const accountOf = () => (settings.Accounts.includes(form.account) ? form.account : (settings.Accounts[0] ?? ""));
const regionOf = () => (settings.Regions.includes(form.region) ? form.region : (settings.Regions[0] ?? ""));
const randomId = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// What the form asks for. The same one sent twice, such as after a lost answer, starts one investigation.
function orderOf() {
  const { from, to, sent } = form;
  const order = { account: accountOf(), region: regionOf(), entity: form.entity.trim(), from, to };
  const isSent = sent && Object.entries(order).every(([name, value]) => sent[name] === value);
  return isSent ? sent : { ...order, token: randomId() };
}

async function startInvestigation(order) {
  const { account, region, entity, from, to, token } = order;
  startProblem = null;
  form.sent = order;
  remember("start", form);
  const place = placeNow();
  try {
    const body = { EntityArn: entity, ScopeStartTime: `${from}Z`, ScopeEndTime: `${to}Z`, ClientToken: token };
    const { InvestigationId: id } = await call(path`api/accounts/${account}/regions/${region}/investigations`, {
      method: "POST",
      body,
    });
    // What was typed meanwhile stays.
    const isUnchanged = orderOf() === order;
    form.sent = null;
    edit(isUnchanged ? { entity: "" } : {});
    investigations.load({ fresh: true });
    if (placeNow() === place) go("investigations", [account, region, id]);
    else {
      notify({
        text: "The investigation was started.",
        href: link("investigations", [account, region, id]),
        label: "Show it",
      });
    }
  } catch (error) {
    if (!error.problem) throw error;
    startProblem = { ...error.problem, order };
    // The form may be another one by the time that this is read.
    const scope = `${timestamp(from)} to ${timestamp(to)} UTC`;
    if (startProblem.outcome_unknown) {
      startProblem.title = `Starting ${entity} in ${region} of ${account}, ${scope}: ${startProblem.title}`;
    }
  }
}

// The server answers the same token for ever as it has done once.
const startAnew = () => once("start", () => startInvestigation({ ...startProblem.order, token: randomId() }));

function Start() {
  const working = isBusy("start");
  const input = (name) => (event) => edit({ [name]: event.target.value });
  return html`<details id="start-part" open=${form.open} onToggle=${(event) => {
    form.open = event.target.open;
    remember("start", form);
  }}>
    <summary>Start an investigation</summary>
    <form id="start-form" onSubmit=${submit("start", () => startInvestigation(orderOf()))}>
      <${Field} id="start-account" label="Account"><${Select} id="start-account" value=${accountOf()}
        choices=${settings.Accounts} change=${(value) => edit({ account: value })} /><//>
      <${Field} id="start-region" label="Region"><${Select} id="start-region" value=${regionOf()}
        choices=${settings.Regions} change=${(value) => edit({ region: value })} /><//>
      <${Field} id="start-entity" label="ARN of the user or role"><input id="start-entity" required autocomplete="off"
        spellcheck="false" placeholder=${`arn:aws:iam::${accountOf()}:role/Admin`} value=${form.entity}
        onInput=${input("entity")} /><//>
      <${Field} id="start-from" label="From (UTC)"><input id="start-from" type="datetime-local" required
        value=${form.from} onInput=${input("from")} /><//>
      <${Field} id="start-to" label="To (UTC)"><input id="start-to" type="datetime-local" required value=${form.to}
        onInput=${input("to")} /><//>
      <p class="buttons"><button type="submit" class="main"
        aria-disabled=${working ? "true" : null}>${working ? "Starting" : "Start"}</button></p>
    </form>
    <${Problem} id="start-alert" problem=${startProblem} retry=${startProblem?.outcome_unknown && startAnew}
      label="It was not started: start it" />
  </details>`;
}

// ---- the view

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
        columns=${COLUMNS} sort=${sortOf("severity", COLUMNS)} onSort=${adjustSort} />
      <${Exports} kind="investigations" failed=${investigations.failures.length} query=${{ severity, state }}>these<//>
      <${Start} />
    </section>
    <${One} />
  `;
}
