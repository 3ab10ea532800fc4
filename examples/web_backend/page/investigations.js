// Investigations of all accounts and regions; one of them with its indicators; and starting one.

import { ask, lines, pages } from "./api.js";
import { badge, complain, count, element, find, focus, moment, options, row, settle, write } from "./dom.js";

const KINDS = { CRITICAL: "bad", HIGH: "bad", MEDIUM: "wait", FAILED: "bad", RUNNING: "wait", SUCCESSFUL: "good" };
const EVERY = 1500; // milliseconds from one look at an investigation that is under way to the next
const HOUR = 3600000;

let all = null; // what there is; null before anybody looked
let control = null; // stops a look that is under way
let shown = null; // the path of the investigation that is shown
let current = null;

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
    begin();
  });
  find("investigations-again").addEventListener("click", () => look(0));
  find("investigations-filter").addEventListener("input", table);
  find("investigations-filter").addEventListener("submit", (event) => event.preventDefault());
  find("investigation-archive").addEventListener("click", archive);
}

export function show([account, region, id]) {
  if (all === null) look();
  if (id) open(account, region, id);
  else shown = null;
  find("investigation").hidden = !id;
}

const suggest = () => {
  find("start-entity").placeholder = `arn:aws:iam::${find("start-account").value}:role/Admin`;
};
const pathOf = (account, region) => `api/accounts/${account}/regions/${region}/investigations`;

// ---- all of them

async function look(age) {
  control?.abort();
  control = new AbortController();
  const { signal } = control;
  all = [];
  const failures = [];
  complain("investigations-alert", null);
  write(find("investigations-status"), "Looking");
  try {
    const path = `api/fleet/investigations${age === undefined ? "" : `?max_age=${age}`}`;
    for await (const line of lines(path, signal)) {
      if (line.Failure) failures.push(line);
      else all.push({ ...line.Investigation, AccountId: line.AccountId, Region: line.Region });
    }
  } catch (error) {
    // A later look has taken its place.
    if (signal.aborted) return;
    if (!error.problem) throw error;
    write(find("investigations-status"), "");
    complain("investigations-alert", error.problem, () => look(0));
    return table();
  }
  const words = `${count(all.length)} found`;
  write(find("investigations-status"), words);
  if (failures.length) {
    const accounts = [...new Set(failures.map((one) => one.AccountId))].join(", ");
    const [first] = failures;
    const detail = `${accounts} did not answer in ${count(failures.length)} places; the first said: ${first.Failure.title}`;
    complain("investigations-alert", { ...first.Failure, title: "Not all could be seen", detail }, () => look(0));
  }
  table();
}

const who = (one) => one.EntityArn.split(":").slice(4).join(":");

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
      const link = element("a", who(one), { href });
      return row([link, mark(one.Severity), mark(one.Status), one.State, one.Region, moment(one.CreatedTime)]);
    }),
  );
  const box = body.closest(".box");
  box.hidden = some.length === 0;
  find("investigations-empty").hidden = some.length > 0;
  settle(box);
}

const mark = (word) => (word ? badge(word, KINDS[word]) : "");

// ---- one of them

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
  complain("investigation-alert", null);
  try {
    const found = await ask(path);
    if (path !== shown) return;
    current = found;
    facts();
    if (found.Status === "RUNNING") {
      setTimeout(() => path === shown && read(path), EVERY);
      return;
    }
    const rows = [];
    for await (const one of pages(`${path}/indicators`, "Indicators")) rows.push(indicator(one));
    if (path !== shown) return;
    find("indicators").tBodies[0].replaceChildren(...rows);
    find("indicators-empty").hidden = rows.length > 0;
    const box = find("indicators").parentElement;
    box.hidden = rows.length === 0;
    settle(box);
    write(find("investigation-status"), `${found.Status.toLowerCase()}, ${count(rows.length)} indicators`);
  } catch (error) {
    if (!error.problem) throw error;
    if (path === shown) complain("investigation-alert", error.problem, () => read(path));
  }
}

function facts() {
  const one = current;
  write(find("investigation-title"), `Investigation of ${who(one)}`);
  write(find("investigation-status"), one.Status.toLowerCase());
  write(find("investigation-archive"), one.State === "ARCHIVED" ? "Take out of the archive" : "Archive");
  const told = [
    ["Severity", mark(one.Severity ?? "UNKNOWN")],
    ["State", one.State],
    ["Begun", `${moment(one.CreatedTime)} UTC`],
    ["Looks at", `${moment(one.ScopeStartTime)} to ${moment(one.ScopeEndTime)} UTC`],
    ["Entity", element("code", one.EntityArn)],
    ["Graph", element("code", one.GraphArn)],
    ["Id", element("code", one.InvestigationId)],
  ];
  find("investigation-facts").replaceChildren(
    ...told.flatMap(([name, value]) => {
      const cell = element("dd");
      cell.append(value);
      return [element("dt", name), cell];
    }),
  );
}

// The one member of the detail that is filled holds plain values: said as they come, whatever the kind.
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
    await ask(path, "PATCH", { State: state });
    all = all.map((one) => (one.InvestigationId === current.InvestigationId ? { ...one, State: state } : one));
    table();
    await read(path);
  } catch (error) {
    if (!error.problem) throw error;
    complain("investigation-alert", error.problem, archive);
  }
}

async function begin() {
  const account = find("start-account").value;
  const region = find("start-region").value;
  complain("start-alert", null);
  try {
    const { InvestigationId: id } = await ask(pathOf(account, region), "POST", {
      EntityArn: find("start-entity").value.trim(),
      ScopeStartTime: `${find("start-from").value}Z`,
      ScopeEndTime: `${find("start-to").value}Z`,
    });
    look(0);
    location.hash = `investigations/${account}/${region}/${id}`;
  } catch (error) {
    if (!error.problem) throw error;
    complain("start-alert", error.problem, null);
  }
}
