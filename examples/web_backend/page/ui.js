// What the views are built of. Everything is text: nothing from the server becomes markup.

import { adjust } from "./address.js";
import { loadSettings, sourceOf } from "./data.js";
import { download, problemOfFile, secondsOfFile } from "./download.js";
import { html } from "./parts/index.js";
import { textOf } from "./records.js";
import { changed, isBusy, once } from "./store.js";

const number = new Intl.NumberFormat("en");

export const count = (value) => number.format(value);
export const some = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

// An ISO 8601 time in UTC, in a form for people, still in UTC. What is none is shown as it is.
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;
export const timestamp = (time) =>
  typeof time === "string" && ISO.test(time) ? `${time.slice(0, 10)} ${time.slice(11, 16)}` : (textOf(time) ?? "");

export const Badge = ({ kind = "plain", children }) => html`<span class="badge" data-kind=${kind}>${children}</span>`;

// A button that changes something: while it works it does nothing else, and says so. It is never `disabled`, since a
// disabled button would lose the focus. `name` says what it does, and to what.
export function Button({ name, run, label, working = label, main = false, ...more }) {
  const busy = isBusy(name);
  return html`<button type="button" class=${main ? "main" : ""} aria-disabled=${busy ? "true" : null}
    onClick=${() => once(name, run)} ...${more}>
    ${busy ? working : label}
  </button>`;
}

// A problem in the words of a form. `labels`: the name of a parameter of the API -> what the form calls it.
export function inWordsOf(labels, problem) {
  const { parameter, detail } = problem;
  if (!labels.has(parameter) || !detail?.startsWith(`${parameter}: `)) return problem;
  let text = detail.slice(parameter.length + 2);
  for (const [name, label] of labels) text = text.replaceAll(name, label);
  return { ...problem, title: labels.get(parameter), detail: text, parameter: null, code: null };
}

// A form whose button is busy while it is sent.
export function submit(name, work) {
  return (event) => {
    event.preventDefault();
    once(name, work);
  };
}

// The alert is always there, so that screen readers notice what comes into it.
export function Problem({ id, problem, retry, label = "Try again" }) {
  const facts =
    problem &&
    [
      problem.code !== problem.title && problem.code,
      problem.parameter,
      problem.request_id && `request id ${problem.request_id}`,
    ].filter(Boolean);
  return html`<div role="alert" id=${id}>
    ${
      problem &&
      html`<p><strong>${problem.title}</strong>${problem.detail ? `: ${problem.detail}` : ""}</p>
      ${facts.length > 0 && html`<p class="quiet">${facts.join(", ")}</p>`}
      ${
        problem.outcome_unknown &&
        html`<p>AWS may have carried out the request
        nevertheless. ${problem.advice ?? "Check before you repeat it."}</p>`
      }
      ${problem.JobId && html`<p><a href=${`#onboarding/${encodeURIComponent(problem.JobId)}`}>Show that job</a></p>`}
      ${retry && html`<button type="button" onClick=${retry}>${label}</button>`}`
    }
  </div>`;
}

const SLOW = 5; // seconds without an answer after which that is said

// What could not be read again is dimmed, and says of when it is. `phase`: of the rows' Dataset.
export const ageClass = (row, phase) => (row.stale || phase === "failed" ? "old" : "");
export const AsOf = ({ since }) => since && html` <small>as of ${timestamp(since)}</small>`;

// What is known, and how old it is.
// `of`: a Dataset, or what is known in its words.
export function Freshness({ id, of }) {
  const { phase, time, oldSince = null, progress, began } = of;
  const isLate = phase === "failed" || (phase === "ready" && oldSince !== null);
  const words = [];
  if (phase === "loading") {
    const waited = Math.floor((performance.now() - began) / 1000);
    words.push(progress?.Total ? `Asking: ${count(progress.Done)} of ${count(progress.Total)}` : "Asking");
    if (waited >= SLOW) words.push(`for ${waited} s`);
  } else if (isLate) words.push(time ? "Could not be refreshed" : "Could not be read");
  else if (phase === "idle") words.push("Not asked yet");
  if (time) words.push(`${words.length ? "shown: as of" : "As of"} ${timestamp(oldSince ?? time)} UTC`);
  return html`<p id=${id} class=${isLate ? "freshness late" : "freshness"}>${words.join(", ")}</p>`;
}

// Also of the settings: the server may have been started again with other regions and accounts.
export function RefreshButton({ id, busy, run }) {
  const refresh = () => {
    if (busy) return;
    loadSettings({ quiet: true });
    run();
  };
  return html`<button type="button" id=${id} aria-disabled=${busy ? "true" : null}
    onClick=${refresh}>${busy ? "Refreshing" : "Refresh"}</button>`;
}

export function Field({ id, label, hint, children }) {
  return html`<p class="field"><label
    for=${id}>${label}</label>${children}${hint && html`<span class="quiet" id=${`${id}-hint`}>${hint}</span>`}</p>`;
}

// A choice; `choices` are values, or pairs of a value and its label.
export function Select({ id, value, choices, any, change, ...more }) {
  const pairs = choices.map((one) => (Array.isArray(one) ? one : [one, one]));
  return html`<select id=${id} value=${value} onChange=${(event) => change(event.target.value)} ...${more}>
    ${any && html`<option value="" selected=${value === ""}>${any}</option>`}
    ${pairs.map(
      ([name, label]) => html`<option key=${name} value=${name} selected=${name === value}>${label}</option>`,
    )}
  </select>`;
}

export function Filter({ id, label, children }) {
  return html`<p><label for=${id}>${label}</label>${children}</p>`;
}

// Looks for a part of an id, with dashes or without, and says so. `text`: for a part of other things too, so that a
// phone needs a keyboard with letters.
export const Find = ({ id, label, value, text = false }) =>
  html`<${Filter} id=${id} label=${label}><input id=${id} type="search" inputmode=${text ? "text" : "numeric"}
    autocomplete="off" size="16" placeholder=${text ? "any part of it" : "part of an id"} value=${value}
    onInput=${(event) => adjust({ find: event.target.value })} /><//>`;

// Whether there is a number to say: nothing is no 0 while nothing has been read, or a part could not be.
export const isKnown = ({ time, rows, phase, failures }) =>
  rows.length > 0 || (failures.length === 0 && Boolean(time || phase === "loading"));

// The kinds of files that are to have names and e-mail addresses. Not stored: who wants them says so for each visit.
const named = new Set();

function nameFiles(kind, wanted) {
  if (wanted) named.add(kind);
  else named.delete(kind);
  changed();
}

// What a file has that is asked for now, if that is not what is shown.
const MADE = new Map([
  ["loading", "A file that is asked for now waits for the accounts and regions that are left, and has their rows too."],
  ["failed", "A file has what the server reads by then, and not what is shown here."],
]);

// `failed`: how many accounts and regions could not be read, and are missing in the file.
// `phase`, `old` and `rows`: what is known of the rows, how many are older, as there is no newer answer, and how many a
// file has, if not what the kind's Dataset says. The older ones are not in it.
export function Exports({
  kind,
  query = {},
  failed = 0,
  phase = sourceOf(kind).phase,
  old = sourceOf(kind).rows.filter((row) => row.stale).length,
  rows = sourceOf(kind).rows.length - old,
  children,
}) {
  const personal = named.has(kind) ? { names: "true", ...(kind === "members" && { emails: "true" }) } : {};
  const address = (file, more) => {
    const words = new URLSearchParams(Object.entries({ ...more, ...personal }).filter(([, value]) => value)).toString();
    return `api/export/${file}${words && `?${words}`}`;
  };
  const get = download(kind);
  const isEmpty = rows === 0;
  const file = (form, label) =>
    isEmpty
      ? html`<a class="unknown" role="link" aria-disabled="true">${label}</a>`
      : html`<a href=${address(`${kind}.${form}`, query)} download onClick=${get}>${label}</a>`;
  const nothing =
    phase !== "ready"
      ? "nothing to export yet"
      : old > 0
        ? "nothing to export: all rows are older than the latest answer"
        : "nothing to export";
  const without = !isEmpty && old > 0 && html`Without ${some(old, "older row", "older rows")}.`;
  const seconds = secondsOfFile(kind);
  // Only the files of members have the orders of their table.
  const order = query.sort
    ? "in the order of the table"
    : kind === "investigations"
      ? "by id"
      : "by account and region";
  const missing =
    failed > 0 &&
    html`Incomplete: ${some(failed, "account and region", "accounts and regions")} could not be checked: <a
      href=${address("failures.csv", { kind })} download onClick=${get}>CSV of these</a>`;
  return html`<p class="exports quiet">Export ${children}, ${order}: ${file("csv", "CSV")} ${file(
    "ndjson",
    "NDJSON",
  )} ${isEmpty ? nothing : (MADE.get(phase) ?? "")} ${without}
    <label><input type="checkbox" checked=${named.has(kind)}
      onChange=${(event) => nameFiles(kind, event.target.checked)} /> with
        names${kind === "members" && " and e-mail addresses"}</label> ${missing}</p>
    ${seconds !== null && html`<p class="quiet">The file is being made, for ${count(seconds)} s</p>`}
    <${Problem} id=${`${kind}-file-alert`} problem=${problemOfFile(kind)} />`;
}

// Failures by cause: an expired key fails for 400 accounts at once, and is one problem.
export function byCause(failures) {
  const groups = new Map();
  for (const { AccountId, Region, Failure } of failures) {
    const cause = Failure.Cause || Failure.code || Failure.title;
    if (!groups.has(cause)) {
      groups.set(cause, { cause, first: Failure, targets: [], accounts: new Set(), regions: new Set() });
    }
    const group = groups.get(cause);
    group.targets.push({ AccountId, Region, Failure });
    group.accounts.add(AccountId);
    group.regions.add(Region);
  }
  return [...groups.values()].sort((a, b) => b.targets.length - a.targets.length);
}
