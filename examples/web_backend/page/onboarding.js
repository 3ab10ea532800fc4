// The onboarding view: a list of accounts becomes a plan for review, and the plan a job, which runs without the page too.

import { call, follow } from "./api.js";
import {
  badge,
  count,
  element,
  find,
  focus,
  headings,
  options,
  row,
  showProblem,
  timestamp,
  updateFocusability,
  write,
} from "./dom.js";
import { inWords } from "./statuses.js";

const WORDS = { running: "Running", done: "Done", failed: "Failed", stopped: "Stopped" };

let plan = null;
let watched = null; // the id of the job that is shown
let announced = 0; // the last quarter of the progress that was announced
let stop = () => {};

export function start(settings) {
  options(find("plan-administrator"), settings.Accounts);
  find("plan-regions").append(
    ...settings.Regions.map((region) => {
      const label = element("label", ` ${region}`);
      const box = element("input", undefined, { type: "checkbox", name: "region", value: region });
      box.checked = true;
      label.prepend(box);
      return label;
    }),
  );
  find("plan-by-themselves").hidden = settings.Accepts;
  find("plan-example").hidden = !settings.Example;
  find("plan-example").addEventListener("click", () => {
    find("plan-csv").value = settings.Example;
    focus(find("plan-make"));
  });
  find("plan-form").addEventListener("submit", (event) => {
    event.preventDefault();
    makePlan();
  });
  find("plan-apply").addEventListener("click", applyPlan);
  find("job-stop").addEventListener("click", stopJob);
}

export function show([id]) {
  listJobs();
  if (id && id !== watched) watch(id);
}

// Runs the work of a button. Meanwhile the button is aria-disabled: a disabled button would lose the focus.
async function whileDisabled(button, alert, work) {
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  showProblem(alert, null);
  try {
    await work();
  } catch (error) {
    if (!error.problem) throw error;
    showProblem(alert, error.problem);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

function makePlan() {
  const regions = [...document.querySelectorAll("#plan-regions input:checked")].map((box) => box.value);
  return whileDisabled(find("plan-make"), "plan-alert", async () => {
    find("plan").hidden = true;
    plan = await call("api/onboarding/plans", "POST", {
      AdministratorId: find("plan-administrator").value,
      Regions: regions,
      Csv: find("plan-csv").value,
    });
    showPlan();
  });
}

function showPlan() {
  const accounts = new Set(plan.Actions.map((action) => action.AccountId).filter(Boolean));
  const lines = plan.Lines.length;
  const nothing =
    lines || plan.Problems.length
      ? "There are no actions. The problems below have to be solved first."
      : "There is nothing to do: no account of the list needs an action.";
  const some = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
  const actions = `${some(plan.Actions.length, "action")} for ${some(accounts.size, "account")}. Nothing has been changed yet.`;
  write(find("plan-summary"), plan.Actions.length ? actions : nothing);
  write(find("plan-lines-title"), lines === 1 ? "1 invalid line" : `${count(lines)} invalid lines`);
  table("plan-lines", plan.Lines.map((line) => [String(line.Line), line.Problem]));
  table("plan-problems", plan.Problems.map((one) => [one.Region, one.AccountId ?? "all", one.Problem]));
  table("plan-notes", plan.Notes.map((one) => [one.Region ?? "all", one.AccountId ?? "all", one.Note]));
  showActions();
  write(find("plan-text"), plan.Text);
  find("plan-apply").parentElement.hidden = plan.Actions.length === 0;
  find("plan").hidden = false;
  document.querySelectorAll("#plan .box").forEach(updateFocusability);
  focus(find("plan-title"));
}

function table(id, rows) {
  find(id).tBodies[0].replaceChildren(...rows.map(row));
  find(`${id}-part`).hidden = rows.length === 0;
}

function showActions() {
  const regions = [...new Set(plan.Actions.map((action) => action.Region))];
  const kinds = [...new Set(plan.Actions.map((action) => action.Kind))];
  const some = (kind, region) => plan.Actions.filter((one) => one.Kind === kind && one.Region === region).length;
  find("plan-actions").tHead.replaceChildren(headings(["Action", ...regions]));
  table("plan-actions", kinds.map((kind) => [kind, ...regions.map((region) => some(kind, region))]));
}

function applyPlan() {
  return whileDisabled(find("plan-apply"), "apply-alert", async () => {
    const job = await call("api/onboarding/jobs", "POST", { PlanId: plan.PlanId });
    find("plan").hidden = true;
    location.hash = `onboarding/${job.JobId}`;
  });
}

// ---- a job

function watch(id) {
  stop();
  watched = id;
  announced = 0;
  find("job").hidden = false;
  find("job-stop").hidden = true;
  find("job-rows-part").hidden = true;
  find("job-rows").tBodies[0].replaceChildren();
  for (const part of ["job-count", "job-status"]) write(find(part), "");
  showProblem("job-alert", null);
  focus(find("job-title"));
  stop = follow(`api/onboarding/jobs/${id}/events`, {
    begin: showProgress,
    progress: showProgress,
    rows: addRows,
    report: finish,
    stopped: finish,
    failed(job) {
      finish(job);
      showProblem("job-alert", job.Error);
    },
    disconnected: () =>
      showProblem("job-alert", { title: "The connection is lost", detail: "the job continues; reconnecting" }),
    connected: () => showProblem("job-alert", null),
    ended(problem) {
      if (problem) showProblem("job-alert", problem, () => watch(id));
      listJobs();
    },
  });
}

function showProgress(job) {
  const { Done: done, Total: all, Failed: failed } = job;
  const bar = find("job-progress");
  // A bar without a value shows that the job is running while the total is unknown.
  if (all === null) bar.removeAttribute("value");
  else Object.assign(bar, { max: all || 1, value: done });
  if (job.State === "running") find("job-stop").hidden = false;
  const words =
    all === null ? "Reading the current members" : `${count(done)} of ${count(all)} memberships, ${count(failed)} with a problem`;
  write(find("job-count"), words);
  // Announced to screen readers at each quarter only.
  const quarter = all ? Math.floor((done / all) * 4) : 0;
  if (quarter > announced && quarter < 4) {
    announced = quarter;
    write(find("job-status"), words);
  }
}

function addRows(rows) {
  const body = find("job-rows").tBodies[0];
  for (const one of rows) {
    const problem = one.Problem ? element("span", one.Problem) : "";
    if (one.Error?.code) problem.prepend(badge(one.Error.code, "bad"), " ");
    const made = row([one.AccountId, one.Region, inWords(one.Before), inWords(one.After), one.Done.join(", "), problem]);
    // Rows with problems come first.
    if (one.Problem) body.prepend(made);
    else body.append(made);
  }
}

function finish(job) {
  showProgress(job);
  find("job-stop").hidden = true;
  const bad = (job.Regions ?? []).filter((region) => region.Problem);
  const problems = bad.map((region) => ` ${region.Region}: ${region.Problem}.`).join("");
  write(find("job-status"), `${WORDS[job.State]}. ${job.Summary ?? ""}${problems}`);
  find("job-rows-part").hidden = find("job-rows").tBodies[0].childElementCount === 0;
  updateFocusability(find("job-rows-part"));
}

function stopJob() {
  return whileDisabled(find("job-stop"), "job-alert", async () => {
    await call(`api/onboarding/jobs/${watched}`, "DELETE");
  });
}

async function listJobs() {
  let jobs;
  try {
    ({ Jobs: jobs } = await call("api/onboarding/jobs"));
  } catch (error) {
    if (!error.problem) throw error;
    return showProblem("plan-alert", error.problem, listJobs);
  }
  find("jobs-section").hidden = jobs.length === 0;
  find("jobs").replaceChildren(
    ...jobs.map((job) => {
      const label = `${timestamp(job.StartedTime)} UTC, ${job.AdministratorId}`;
      const link = element("a", label, { href: `#onboarding/${job.JobId}` });
      const entry = element("li");
      entry.append(link, ` ${WORDS[job.State].toLowerCase()}`);
      return entry;
    }),
  );
}
