// The fleet: members by status in every account and region, filled while the server looks into them.

import { follow } from "./api.js";
import { bar, draw, legend } from "./chart.js";
import { badge, complain, count, element, find, headings, options, row, settle, write } from "./dom.js";
import { ALL, STATUSES, add, none, total } from "./statuses.js";

const PART = 60; // rows of the long table that are shown at a time

let regions = [];
let targets = new Map(); // "account region" -> what the server said of it
let totals = new Map(); // region -> status -> how many
let shown = PART;
let survey = null; // when it began, and how many targets it has
let told = 0; // the last quarter of the way that was announced
let stop = () => {};
let waiting = false;

const name = (target) => `${target.AccountId} ${target.Region}`;
const statuses = () => ([...totals.values()].some((counts) => counts.OTHER) ? ALL : STATUSES);

export function start(settings) {
  regions = settings.Regions;
  options(find("targets-region"), regions);
  find("targets-status").append(...STATUSES.map(([status, word]) => element("option", word, { value: status })));
  find("targets-status").append(element("option", "A failure", { value: "failure" }));
  find("fleet-again").addEventListener("click", () => look(0));
  find("targets-filter").addEventListener("input", () => {
    shown = PART;
    later();
  });
  find("targets-filter").addEventListener("submit", (event) => event.preventDefault());
  find("targets-more").addEventListener("click", () => {
    shown += PART;
    later();
  });
  look();
}

function clear() {
  targets = new Map();
  totals = new Map(regions.map((region) => [region, none()]));
  told = 0;
}

// `age`: how many seconds old the numbers may be; none has the server decide.
function look(age) {
  stop();
  complain("fleet-alert", null);
  clear();
  survey = null;
  write(find("fleet-count"), "Connecting");
  stop = follow(age === undefined ? "api/fleet/overview" : `api/fleet/overview?max_age=${age}`, {
    begin(begun) {
      clear();
      survey = begun;
      later();
    },
    target(target) {
      targets.set(name(target), target);
      if (!totals.has(target.Region)) totals.set(target.Region, none());
      add(totals.get(target.Region), target.Counts);
      later();
    },
    lost: () => complain("fleet-alert", { title: "The connection is lost", detail: "trying to get it back" }, look),
    back: () => complain("fleet-alert", null),
    ended: (problem) => complain("fleet-alert", problem, look),
  });
  later();
}

// As often as the screen is drawn, and no more.
function later() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    show();
  });
}

function show() {
  showProgress();
  legend(statuses());
  draw(totals);
  showRegions();
  showFailures();
  showTargets();
  document.querySelectorAll("#fleet .box").forEach(settle);
}

function showProgress() {
  const bar = find("fleet-progress");
  const all = survey?.Total ?? 0;
  const failed = failures().length;
  bar.max = all || 1;
  bar.value = targets.size;
  if (!survey) return;
  const trouble = failed ? `, ${count(failed)} failed` : "";
  const words = `${count(targets.size)} of ${count(all)} answered${trouble}`;
  write(find("fleet-count"), `${words}, as of ${survey.StartedTime.slice(11, 19)} UTC`);
  // Read out at quarters only.
  const quarter = Math.floor((targets.size / all) * 4);
  if (quarter > told) {
    told = quarter;
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

function wanted(target) {
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
  const all = [...targets.values()].filter(wanted).sort((a, b) => (name(a) < name(b) ? -1 : 1));
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
