// Onboarding: a pasted list becomes a plan to look at, and the plan a job that can be watched, left and come back to.

import { ask, follow } from "./api.js";
import { badge, complain, count, element, find, focus, headings, moment, options, row, settle, write } from "./dom.js";
import { inWords } from "./statuses.js";

const WORDS = { running: "Under way", done: "Done", failed: "Failed", stopped: "Stopped" };

let plan = null;
let watched = null; // the id of the job that is shown
let told = 0; // the last quarter of the way that was announced
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
    make();
  });
  find("plan-apply").addEventListener("click", apply);
  find("job-stop").addEventListener("click", halt);
}

export function show([id]) {
  list();
  if (id && id !== watched) watch(id);
}

// While something is asked for, its button says so and does nothing; it is not disabled, which would drop the focus.
async function busy(button, alert, work, again) {
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  complain(alert, null);
  try {
    await work();
  } catch (error) {
    if (!error.problem) throw error;
    complain(alert, error.problem, again);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

function make() {
  const regions = [...document.querySelectorAll("#plan-regions input:checked")].map((box) => box.value);
  return busy(find("plan-make"), "plan-alert", async () => {
    find("plan").hidden = true;
    plan = await ask("api/onboarding/plans", "POST", {
      AdministratorId: find("plan-administrator").value,
      Regions: regions,
      Csv: find("plan-csv").value,
    });
    preview();
  });
}

function preview() {
  const accounts = new Set(plan.Actions.map((action) => action.AccountId).filter(Boolean));
  const lines = plan.Lines.length;
  const nothing = lines || plan.Problems.length ? "Nothing can be done from here about what follows." : "Everything is as the list says.";
  const actions = `${count(plan.Actions.length)} actions for ${count(accounts.size)} accounts. Nothing has been done yet.`;
  write(find("plan-summary"), plan.Actions.length ? actions : nothing);
  write(find("plan-lines-title"), lines === 1 ? "One line that is no account" : `${count(lines)} lines that are no accounts`);
  table("plan-lines", plan.Lines.map((line) => [String(line.Line), line.Problem]));
  table("plan-problems", plan.Problems.map((one) => [one.Region, one.AccountId ?? "all", one.Problem]));
  showActions();
  write(find("plan-text"), plan.Text);
  find("plan-apply").parentElement.hidden = plan.Actions.length === 0;
  find("plan").hidden = false;
  document.querySelectorAll("#plan .box").forEach(settle);
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
  find("plan-actions").tHead.replaceChildren(headings(["What", ...regions]));
  table("plan-actions", kinds.map((kind) => [kind, ...regions.map((region) => some(kind, region))]));
}

function apply() {
  return busy(find("plan-apply"), "apply-alert", async () => {
    const job = await ask("api/onboarding/jobs", "POST", { PlanId: plan.PlanId });
    find("plan").hidden = true;
    location.hash = `onboarding/${job.JobId}`;
  });
}

// ---- a job

function watch(id) {
  stop();
  watched = id;
  told = 0;
  find("job").hidden = false;
  find("job-stop").hidden = true;
  find("job-rows-part").hidden = true;
  find("job-rows").tBodies[0].replaceChildren();
  for (const part of ["job-count", "job-status"]) write(find(part), "");
  complain("job-alert", null);
  focus(find("job-title"));
  const again = () => watch(id);
  stop = follow(`api/onboarding/jobs/${id}/events`, {
    begin: progress,
    progress,
    rows: add,
    report: finish,
    stopped: finish,
    failed(job) {
      finish(job);
      complain("job-alert", job.Error);
    },
    lost: () => complain("job-alert", { title: "The connection is lost", detail: "the job goes on; trying to get back to it" }),
    back: () => complain("job-alert", null),
    ended(problem) {
      if (problem) complain("job-alert", problem, again);
      list();
    },
  });
}

function progress(job) {
  const { Done: done, Total: all, Failed: failed } = job;
  const bar = find("job-progress");
  // Until it is known how many there are, the bar says just that it is under way.
  if (all === null) bar.removeAttribute("value");
  else Object.assign(bar, { max: all || 1, value: done });
  if (job.State === "running") find("job-stop").hidden = false;
  const words = all === null ? "Looking at what there is" : `${count(done)} of ${count(all)} memberships, ${count(failed)} with a problem`;
  write(find("job-count"), words);
  // Read out at quarters only.
  const quarter = all ? Math.floor((done / all) * 4) : 0;
  if (quarter > told && quarter < 4) {
    told = quarter;
    write(find("job-status"), words);
  }
}

function add(rows) {
  const body = find("job-rows").tBodies[0];
  for (const one of rows) {
    const problem = one.Problem ? element("span", one.Problem) : "";
    if (one.Error?.code) problem.prepend(badge(one.Error.code, "bad"), " ");
    const made = row([one.AccountId, one.Region, inWords(one.Before), inWords(one.After), one.Done.join(", "), problem]);
    // What somebody has to look at comes first.
    if (one.Problem) body.prepend(made);
    else body.append(made);
  }
}

function finish(job) {
  progress(job);
  find("job-stop").hidden = true;
  const bad = (job.Regions ?? []).filter((region) => region.Problem);
  const problems = bad.map((region) => ` ${region.Region}: ${region.Problem}.`).join("");
  write(find("job-status"), `${WORDS[job.State]}. ${job.Summary ?? ""}${problems}`);
  find("job-rows-part").hidden = find("job-rows").tBodies[0].childElementCount === 0;
  settle(find("job-rows-part"));
}

function halt() {
  return busy(find("job-stop"), "job-alert", async () => {
    await ask(`api/onboarding/jobs/${watched}`, "DELETE");
  });
}

async function list() {
  let jobs;
  try {
    ({ Jobs: jobs } = await ask("api/onboarding/jobs"));
  } catch (error) {
    if (!error.problem) throw error;
    return complain("plan-alert", error.problem, list);
  }
  find("jobs-section").hidden = jobs.length === 0;
  find("jobs").replaceChildren(
    ...jobs.map((job) => {
      const link = element("a", `${moment(job.StartedTime)} UTC, ${job.AdministratorId}`, { href: `#onboarding/${job.JobId}` });
      const entry = element("li");
      entry.append(link, ` ${WORDS[job.State].toLowerCase()}`);
      return entry;
    }),
  );
}
