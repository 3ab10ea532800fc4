// The investigations view: all accounts and regions, one investigation with its indicators, and a form to start one.

import { call, lines, pages } from "./api.js";
import {
  badge,
  count,
  element,
  find,
  focus,
  options,
  row,
  showProblem,
  timestamp,
  updateFocusability,
  write,
} from "./dom.js";

const KINDS = { CRITICAL: "bad", HIGH: "bad", MEDIUM: "wait", FAILED: "bad", RUNNING: "wait", SUCCESSFUL: "good" };
const POLL_INTERVAL = 1500; // milliseconds, while an investigation is running
const HOUR = 3600000;

let all = null; // all investigations; null before they were loaded
let control = null; // aborts the request that is loading them
let shown = null; // the path of the investigation that is shown
let current = null; // that investigation

export function start(settings) {
  options(find("start-account"), settings.Accounts);
  options(find("start-region"), settings.Regions);
  const now = Date.now();
  find("start-from").value = new Date(now - 24 * HOUR).toISOString().slice(0, 16);
  find("start-to").value = new Date(now).toISOString().slice(0, 16);
  find("start-account").addEventListener("change", suggest);
  suggest();
  find("start-form").addEventListener("submit", (event) => {
    event.preventDefault();
    startInvestigation();
  });
  find("investigations-refresh").addEventListener("click", () => load(0));
  find("investigations-filter").addEventListener("input", table);
  find("investigations-filter").addEventListener("submit", (event) => event.preventDefault());
  find("investigation-archive").addEventListener("click", archive);
}

export function show([account, region, id]) {
  if (all === null) load();
  if (id) open(account, region, id);
  else shown = null;
  find("investigation").hidden = !id;
}

const suggest = () => {
  find("start-entity").placeholder = `arn:aws:iam::${find("start-account").value}:role/Admin`;
};
const pathOf = (account, region) => `api/accounts/${account}/regions/${region}/investigations`;

// ---- all investigations

async function load(age) {
  control?.abort();
  control = new AbortController();
  const { signal } = control;
  all = [];
  const failures = [];
  showProblem("investigations-alert", null);
  write(find("investigations-status"), "Loading");
  try {
    const path = `api/fleet/investigations${age === undefined ? "" : `?max_age=${age}`}`;
    for await (const line of lines(path, signal)) {
      if (line.Failure) failures.push(line);
      else all.push({ ...line.Investigation, AccountId: line.AccountId, Region: line.Region });
    }
  } catch (error) {
    // A newer request has replaced this one.
    if (signal.aborted) return;
    if (!error.problem) throw error;
    write(find("investigations-status"), "");
    showProblem("investigations-alert", error.problem, () => load(0));
    return table();
  }
  write(find("investigations-status"), `${count(all.length)} found`);
  if (failures.length) {
    const accounts = [...new Set(failures.map((one) => one.AccountId))].join(", ");
    const [first] = failures;
    const detail = `${count(failures.length)} failures in ${accounts}; the first one: ${first.Failure.title}`;
    showProblem("investigations-alert", { ...first.Failure, title: "The list is incomplete", detail }, () => load(0));
  }
  table();
}

const entityName = (one) => one.EntityArn.split(":").slice(4).join(":");

function table() {
  const severity = find("investigations-severity").value;
  const state = find("investigations-state").value;
  const some = all
    .filter((one) => (!severity || one.Severity === severity) && (!state || one.State === state))
    .sort((a, b) => (a.CreatedTime < b.CreatedTime ? 1 : -1));
  const body = find("investigations-table").tBodies[0];
  body.replaceChildren(
    ...some.map((one) => {
      const href = `#investigations/${one.AccountId}/${one.Region}/${one.InvestigationId}`;
      const link = element("a", entityName(one), { href });
      return row([link, mark(one.Severity), mark(one.Status), one.State, one.Region, timestamp(one.CreatedTime)]);
    }),
  );
  const box = body.closest(".box");
  box.hidden = some.length === 0;
  find("investigations-empty").hidden = some.length > 0;
  updateFocusability(box);
}

const mark = (word) => (word ? badge(word, KINDS[word]) : "");

// ---- one investigation

function open(account, region, id) {
  shown = `${pathOf(account, region)}/${id}`;
  for (const part of ["investigation-facts", "investigation-status"]) find(part).replaceChildren();
  find("indicators").tBodies[0].replaceChildren();
  find("indicators").parentElement.hidden = true;
  write(find("investigation-title"), "Investigation");
  find("investigation").hidden = false;
  focus(find("investigation-title"));
  read(shown);
}

async function read(path) {
  showProblem("investigation-alert", null);
  try {
    const found = await call(path);
    if (path !== shown) return;
    current = found;
    facts();
    if (found.Status === "RUNNING") {
      setTimeout(() => path === shown && read(path), POLL_INTERVAL);
      return;
    }
    const rows = [];
    for await (const one of pages(`${path}/indicators`, "Indicators")) rows.push(indicator(one));
    if (path !== shown) return;
    find("indicators").tBodies[0].replaceChildren(...rows);
    find("indicators-empty").hidden = rows.length > 0;
    const box = find("indicators").parentElement;
    box.hidden = rows.length === 0;
    updateFocusability(box);
    write(find("investigation-status"), `${found.Status.toLowerCase()}, ${count(rows.length)} indicators`);
  } catch (error) {
    if (!error.problem) throw error;
    if (path === shown) showProblem("investigation-alert", error.problem, () => read(path));
  }
}

function facts() {
  const one = current;
  write(find("investigation-title"), `Investigation of ${entityName(one)}`);
  write(find("investigation-status"), one.Status.toLowerCase());
  write(find("investigation-archive"), one.State === "ARCHIVED" ? "Restore from the archive" : "Archive");
  const entries = [
    ["Severity", mark(one.Severity ?? "UNKNOWN")],
    ["State", one.State],
    ["Started", `${timestamp(one.CreatedTime)} UTC`],
    ["Scope", `${timestamp(one.ScopeStartTime)} to ${timestamp(one.ScopeEndTime)} UTC`],
    ["Entity", element("code", one.EntityArn)],
    ["Graph", element("code", one.GraphArn)],
    ["Id", element("code", one.InvestigationId)],
  ];
  find("investigation-facts").replaceChildren(
    ...entries.flatMap(([name, value]) => {
      const cell = element("dd");
      cell.append(value);
      return [element("dt", name), cell];
    }),
  );
}

// The detail has one member, which depends on the kind of indicator and has plain values: they are all shown.
function indicator(one) {
  const [detail = {}] = Object.values(one.IndicatorDetail ?? {});
  const words = Object.entries(detail).map(([name, value]) => `${spaced(name)}: ${value}`);
  return row([one.IndicatorType.replaceAll("_", " ").toLowerCase(), words.join("; ")]);
}

// APIName -> API name
const spaced = (name) =>
  name
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .replace(/[A-Z][a-z]+/g, (word) => word.toLowerCase());

async function archive() {
  const state = current.State === "ARCHIVED" ? "ACTIVE" : "ARCHIVED";
  const path = shown;
  try {
    await call(path, "PATCH", { State: state });
    all = all.map((one) => (one.InvestigationId === current.InvestigationId ? { ...one, State: state } : one));
    table();
    await read(path);
  } catch (error) {
    if (!error.problem) throw error;
    showProblem("investigation-alert", error.problem, archive);
  }
}

async function startInvestigation() {
  const account = find("start-account").value;
  const region = find("start-region").value;
  showProblem("start-alert", null);
  try {
    const { InvestigationId: id } = await call(pathOf(account, region), "POST", {
      EntityArn: find("start-entity").value.trim(),
      ScopeStartTime: `${find("start-from").value}Z`,
      ScopeEndTime: `${find("start-to").value}Z`,
    });
    load(0);
    location.hash = `investigations/${account}/${region}/${id}`;
  } catch (error) {
    if (!error.problem) throw error;
    showProblem("start-alert", error.problem, null);
  }
}
