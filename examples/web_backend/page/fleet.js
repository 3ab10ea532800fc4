// The fleet view: members by status in every account and region, updated while the survey runs.

import { follow } from "./api.js";
import { bar, draw, legend } from "./chart.js";
import { badge, count, element, find, headings, options, row, showProblem, updateFocusability, write } from "./dom.js";
import { ALL, STATUSES, add, none, total } from "./statuses.js";

const PART = 60; // rows that "Show more" adds to the table of accounts

let regions = [];
let targets = new Map(); // "account region" -> the data of its event
let totals = new Map(); // region -> status -> number of members
let shown = PART;
let survey = null; // the data of the `begin` event
let announced = 0; // the last quarter of the progress that was announced
let stop = () => {};
let waiting = false;

const name = (target) => `${target.AccountId} ${target.Region}`;
const statuses = () => ([...totals.values()].some((counts) => counts.OTHER) ? ALL : STATUSES);

export function start(settings) {
  regions = settings.Regions;
  options(find("targets-region"), regions);
  find("targets-status").append(...STATUSES.map(([status, word]) => element("option", word, { value: status })));
  find("targets-status").append(element("option", "A failure", { value: "failure" }));
  find("fleet-refresh").addEventListener("click", () => load(0));
  find("targets-filter").addEventListener("input", () => {
    shown = PART;
    scheduleRender();
  });
  find("targets-filter").addEventListener("submit", (event) => event.preventDefault());
  find("targets-more").addEventListener("click", () => {
    shown += PART;
    scheduleRender();
  });
  load();
}

function clear() {
  targets = new Map();
  totals = new Map(regions.map((region) => [region, none()]));
  announced = 0;
}

// `age`: how many seconds old the numbers may be; undefined leaves that to the server.
function load(age) {
  stop();
  showProblem("fleet-alert", null);
  clear();
  survey = null;
  write(find("fleet-count"), "Connecting");
  stop = follow(age === undefined ? "api/fleet/overview" : `api/fleet/overview?max_age=${age}`, {
    begin(data) {
      clear();
      survey = data;
      scheduleRender();
    },
    target(target) {
      targets.set(name(target), target);
      if (!totals.has(target.Region)) totals.set(target.Region, none());
      add(totals.get(target.Region), target.Counts);
      scheduleRender();
    },
    disconnected: () => showProblem("fleet-alert", { title: "The connection is lost", detail: "reconnecting" }, load),
    connected: () => showProblem("fleet-alert", null),
    ended: (problem) => showProblem("fleet-alert", problem, load),
  });
  scheduleRender();
}

// At most one rendering per frame of the screen.
function scheduleRender() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    render();
  });
}

function render() {
  showProgress();
  legend(statuses());
  draw(totals);
  showRegions();
  showFailures();
  showTargets();
  document.querySelectorAll("#fleet .box").forEach(updateFocusability);
}

function showProgress() {
  const bar = find("fleet-progress");
  const all = survey?.Total ?? 0;
  const failed = failures().length;
  bar.max = all || 1;
  bar.value = targets.size;
  if (!survey) return;
  const suffix = failed ? `, ${count(failed)} failed` : "";
  const words = `${count(targets.size)} of ${count(all)} done${suffix}`;
  write(find("fleet-count"), `${words}, as of ${survey.StartedTime.slice(11, 19)} UTC`);
  // Announced to screen readers at each quarter only.
  const quarter = Math.floor((targets.size / all) * 4);
  if (quarter > announced) {
    announced = quarter;
    const members = [...totals.values()].reduce((sum, counts) => sum + total(counts), 0);
    write(find("fleet-status"), quarter < 4 ? words : `${words}: ${count(members)} members`);
  }
}

const failures = () => [...targets.values()].filter((target) => target.Error);

function showRegions() {
  const columns = statuses();
  const table = find("regions");
  table.tHead.replaceChildren(headings(["Region", ...columns.map(([, word]) => word), "All"]));
  const line = (label, counts) => row([label, ...columns.map(([status]) => counts[status]), total(counts)]);
  table.tBodies[0].replaceChildren(...[...totals].map(([region, counts]) => line(region, counts)));
  const sum = none();
  for (const counts of totals.values()) add(sum, counts);
  table.tFoot.replaceChildren(line("All", sum));
}

function showFailures() {
  const all = failures();
  find("failures-section").hidden = all.length === 0;
  find("failures").tBodies[0].replaceChildren(
    ...all.map((target) => {
      const { title, detail, code, request_id: id } = target.Error;
      const words = element("span", detail ? `${title}: ${detail}` : title);
      if (code) words.prepend(badge(code, "bad"), " ");
      return row([target.AccountId, target.Region, words, id ? element("code", id) : ""]);
    }),
  );
}

function matchesFilter(target) {
  const { value: status } = find("targets-status");
  const region = find("targets-region").value;
  return (
    target.AccountId.includes(find("targets-account").value.trim()) &&
    (!region || target.Region === region) &&
    (!status || (status === "failure" ? target.Error : target.Counts[status]))
  );
}

function showTargets() {
  const columns = statuses();
  const table = find("targets");
  table.tHead.replaceChildren(headings(["Account", "Region", ...columns.map(([, word]) => word), "All", "Members"]));
  const most = Math.max(1, ...[...targets.values()].map((target) => total(target.Counts)));
  const all = [...targets.values()].filter(matchesFilter).sort((a, b) => (name(a) < name(b) ? -1 : 1));
  table.tBodies[0].replaceChildren(
    ...all.slice(0, shown).map((target) => {
      const counts = add(none(), target.Counts);
      const cells = columns.map(([status]) => counts[status]);
      const sum = target.Error ? badge(target.Outcome, "bad") : total(counts);
      return row([target.AccountId, target.Region, ...cells, sum, bar(counts, most)]);
    }),
  );
  find("targets-more").hidden = all.length <= shown;
  write(find("targets-shown"), `${count(Math.min(shown, all.length))} of ${count(all.length)} accounts and regions`);
}
