// One investigation, with its indicators, and the button that archives it.

import { address, link } from "./address.js";
import { call, pages, path } from "./api.js";
import { investigations } from "./data.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { NOT_KNOWN, investigationOf, textOf } from "./records.js";
import { indicatorsOf } from "./replies.js";
import { pause } from "./retry.js";
import { announce, changed, once } from "./store.js";
import { Badge, Button, Problem, some, timestamp } from "./ui.js";

const POLL_INTERVAL = 1500; // milliseconds, while an investigation is running
// Severity is what is looked for, so only it is coloured; CRITICAL and HIGH differ in form too.
const SEVERITY_KINDS = { CRITICAL: "critical", HIGH: "bad", MEDIUM: "wait" };

let one = null; // { path, ids, found, indicators, problem, again }

export function close() {
  one = null;
}

export function open(ids) {
  if (one?.ids.join() === ids.join()) return;
  const [account, region, id] = ids;
  one = {
    ids,
    path: path`api/accounts/${account}/regions/${region}/investigations/${id}`,
    found: null,
    indicators: null,
    problem: null,
  };
  read(one);
}

const idsOf = (row) => [row.AccountId, row.Region, row.InvestigationId];

// What is no ARN is shown as it is.
export const entityName = (arn) => (arn ?? "").split(":").slice(4).join(":") || arn || NOT_KNOWN;

const Unknown = () => html`<span class="unknown">${NOT_KNOWN}</span>`;

export const Severity = ({ word }) =>
  word
    ? html`<${Badge} kind=${SEVERITY_KINDS[word] ?? "plain"}>${word === "CRITICAL" ? "▲ " : ""}${word}<//>`
    : html`<${Unknown} />`;
export const Word = ({ of }) => (of ? lower(of) : html`<${Unknown} />`);
export const lower = (word) => (word ?? "").toLowerCase();

async function read(mine) {
  try {
    for (;;) {
      mine.found = await call(mine.path, { read: investigationOf });
      mine.problem = null;
      if (mine !== one) return;
      changed();
      if (mine.found.Status !== "RUNNING") break;
      await pause(POLL_INTERVAL);
      if (mine !== one) return;
    }
    const rows = [];
    for await (const indicator of pages(`${mine.path}/indicators`, "Indicators", indicatorsOf)) {
      rows.push({ ...indicator, place: rows.length });
    }
    if (mine !== one) return;
    mine.indicators = rows;
    announce(`${lower(mine.found.Status)}, ${some(rows.length, "indicator")}`);
  } catch (error) {
    if (!error.problem) throw error;
    Object.assign(mine, { problem: error.problem, again: () => read(mine) });
  }
  changed();
}

async function archive() {
  const mine = one;
  const verb = mine.found.State === "ARCHIVED" ? "unarchived" : "archived";
  const state = mine.found.State === "ARCHIVED" ? "ACTIVE" : "ARCHIVED";
  try {
    await call(mine.path, { method: "PATCH", body: { State: state } });
    mine.found = { ...mine.found, State: state };
    const row = investigations.rows.find((other) => other.InvestigationId === mine.ids[2]);
    if (row) investigations.replace({ ...row, State: state });
    announce(`It is ${lower(state)} now.`);
    mine.problem = null;
  } catch (error) {
    if (!error.problem) throw error;
    const words = [error.problem.title, error.problem.detail].filter(Boolean).join(": ");
    const title = error.problem.outcome_unknown ? `Whether it was ${verb} is not known` : `It was not ${verb}`;
    const problem = { ...error.problem, title, detail: words, outcome_unknown: false };
    // To do it twice is harmless.
    Object.assign(mine, { problem, again: () => once(`archive ${mine.path}`, archive) });
  }
}

// The detail has one member, which depends on the kind of indicator and has plain values: they are all shown.
function details({ IndicatorDetail }) {
  const [detail] = Object.values(IndicatorDetail ?? {});
  return Object.entries(detail ?? {})
    .map(([name, value]) => `${spaced(name)}: ${textOf(value)}`)
    .join("; ");
}

// APIName -> API name
const spaced = (name) =>
  name
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .replace(/[A-Z][a-z]+/g, lower);

const INDICATOR_COLUMNS = [
  { key: "kind", label: "Kind", value: (row) => lower((textOf(row.IndicatorType) || NOT_KNOWN).replaceAll("_", " ")) },
  { key: "details", label: "Details", wide: true, value: details },
];

export function Investigation() {
  if (!one) return null;
  const { found, indicators, problem } = one;
  // Until it has answered, the list has most of it.
  const known = found ?? investigations.rows.find((row) => idsOf(row).join() === one.ids.join());
  const facts = known && [
    ["Severity", html`<${Severity} word=${known.Severity} />`],
    ["State", html`<${Word} of=${known.State} />`],
    ["Started", `${timestamp(known.CreatedTime)} UTC`],
    ["Scope", found && `${timestamp(found.ScopeStartTime)} to ${timestamp(found.ScopeEndTime)} UTC`],
    ["Entity", html`<code>${known.EntityArn}</code>`],
    ["Graph", found && html`<code>${found.GraphArn}</code>`],
    ["Id", html`<code>${known.InvestigationId}</code>`],
    ["As of", !found && problem && `${timestamp(known.stale ?? investigations.time)} UTC`],
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
      <h2 id="investigation-title">Investigation${known ? ` of ${entityName(known.EntityArn)}` : ""}</h2>
      <p id="investigation-status">${words}</p>
      ${
        found &&
        html`<${Button} name=${`archive ${one.path}`} id="investigation-archive" run=${archive}
        label=${found.State === "ARCHIVED" ? "Unarchive" : "Archive"} working="Working" />`
      }
      <a href=${link("investigations", [], address.query)}>Close</a>
    </div>
    <${Problem} id="investigation-alert" problem=${problem} retry=${problem && one.again} />
    ${
      facts &&
      html`<dl class="facts">${facts
        .filter(([, value]) => value)
        .map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl>`
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
