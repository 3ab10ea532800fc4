// Onboarding: a list of accounts becomes a plan for review, and the plan a job, which runs without the page too. A plan is
// bound to the form that it was made from: it names its administrator, and an edit of the form takes it back.

import { address, adjust, digitsOf, go, isAccount, link } from "./address.js";
import { PATIENT, call, follow, path } from "./api.js";
import { members, settings } from "./data.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { inWords } from "./statuses.js";
import { announce, changed, draw, focusOn, recall, remember } from "./store.js";
import { Badge, Button, Field, Problem, Select, count, isWorking, some, submit, timestamp } from "./ui.js";

const WORDS = { running: "Running", done: "Done", failed: "Failed", stopped: "Stopped" };
const KINDS = { running: "wait", done: "good", failed: "bad", stopped: "wait" };

// What was typed. `off`: the regions that are not wanted, so that a new region is.
const form = recall("onboarding", { administrator: "", off: [], csv: "" });
let plan = null; // the answer, and under `form` what it was asked with
let jobs = null;
let job = null; // { id, data, rows, problem, live }
let stop = () => {};
const problems = { plan: null, apply: null, jobs: null };

const regionsOf = () => settings.Regions.filter((region) => !form.off.includes(region));
const administratorOf = () => (settings.Accounts.includes(form.administrator) ? form.administrator : (settings.Accounts[0] ?? ""));
const asSent = () => JSON.stringify([administratorOf(), regionsOf(), form.csv]);
export const isEdited = () => plan !== null && plan.form !== asSent();

function edit(changes) {
  const was = isEdited();
  Object.assign(form, changes);
  remember("onboarding", form);
  if (!was && isEdited()) announce("The plan below no longer belongs to this form.");
  // At once: the browser checks what is in the form when it is sent.
  draw();
}

export function show([id]) {
  const { accounts, regions, plan: planId } = address.query;
  if (accounts) prefill(accounts, regions);
  listJobs();
  if (!id) {
    stop();
    job = null;
  } else if (id !== job?.id) watch(id);
  if (!id && planId && planId !== plan?.PlanId && /^[0-9a-f]{32}$/.test(planId)) readPlan(planId);
}

// From the page of an account: its line is inserted, with the address if the page has it.
function prefill(accounts, regions) {
  for (const id of accounts.split(",").map(digitsOf).filter(isAccount)) {
    if (form.csv.includes(id)) continue;
    const email = members.rows.find((one) => one.AccountId === id && one.EmailAddress)?.EmailAddress ?? "";
    edit({ csv: `${form.csv && `${form.csv.trimEnd()}\n`}${id},${email}` });
  }
  const wanted = regions?.split(",").filter((region) => settings.Regions.includes(region));
  if (wanted?.length) edit({ off: settings.Regions.filter((region) => !wanted.includes(region)) });
  adjust({ accounts: null, regions: null });
}

// ---- the plan

async function makePlan() {
  problems.plan = null;
  problems.apply = null;
  const sent = { form: asSent(), administrator: administratorOf() };
  const body = { AdministratorId: sent.administrator, Regions: regionsOf(), Csv: form.csv };
  plan = null;
  if (body.Regions.length === 0) {
    problems.plan = { title: "Choose at least one region", detail: "", parameter: "Regions" };
    return;
  }
  try {
    take(await call("api/onboarding/plans", { method: "POST", body, quiet: PATIENT }), sent.form);
  } catch (error) {
    if (!error.problem) throw error;
    // A plan changes nothing, so nothing can have been carried out.
    problems.plan = { ...error.problem, outcome_unknown: false };
    return;
  }
  draw();
  focusOn("plan");
}

function take(answer, sent) {
  plan = { ...answer, form: sent };
  remember("plan", { id: answer.PlanId, form: sent });
  if (!address.ids.length) adjust({ plan: answer.PlanId });
}

// After a reload: the plan of the address, bound to the form that it was made from in this tab.
async function readPlan(id) {
  const { id: known, form: sent } = recall("plan", { id: null, form: null });
  try {
    const answer = await call(path`api/onboarding/plans/${id}`);
    if (plan === null) take(answer, known === id ? sent : null);
  } catch (error) {
    if (!error.problem) throw error;
    problems.plan = { title: "The plan of this address is gone", detail: `${error.problem.title}. Make a new plan` };
  }
  changed();
}

async function applyPlan() {
  problems.apply = null;
  if (isEdited()) return;
  const body = { PlanId: plan.PlanId, AdministratorId: plan.AdministratorId };
  if (plan.AccountIds) body.AccountIds = plan.AccountIds;
  try {
    const started = await call("api/onboarding/jobs", { method: "POST", body, quiet: PATIENT });
    plan = null;
    go("onboarding", [started.JobId]);
  } catch (error) {
    if (!error.problem) throw error;
    problems.apply = error.problem;
  }
}

function Plan() {
  if (!plan) return null;
  const accounts = plan.AccountIds ?? [...new Set(plan.Actions.map((action) => action.AccountId).filter(Boolean))];
  const regions = plan.Regions ?? [...new Set(plan.Actions.map((action) => action.Region))];
  const edited = isEdited();
  const lines = plan.Lines.length;
  const nothing =
    lines || plan.Problems.length
      ? "There are no actions. The problems below have to be solved first."
      : "There is nothing to do: no account of the list needs an action.";
  const summary = plan.Actions.length ? `${some(plan.Actions.length, "action")} for ${some(accounts.length, "account")}. Nothing has been changed yet.` : nothing;
  const text = (key, label, value) => ({ key, label, value });
  const wide = (key, label, value) => ({ key, label, value, wide: true });
  const places = [text("region", "Region", (one) => one.Region ?? "all"), text("account", "Account", (one) => one.AccountId ?? "all")];
  const keyed = (rows) => rows.map((one, place) => ({ ...one, place }));
  const list = (id, caption, heading, rows, columns) =>
    rows.length > 0 && html`<h3>${heading}</h3><${Table} id=${id} caption=${caption} rows=${keyed(rows)} rowKey=${(one) => one.place} columns=${columns} />`;
  const kinds = [...new Set(plan.Actions.map((action) => action.Kind))];
  const actionRegions = [...new Set(plan.Actions.map((action) => action.Region))];
  const numbers = new Map();
  for (const { Kind, Region } of plan.Actions) numbers.set(`${Kind} ${Region}`, (numbers.get(`${Kind} ${Region}`) ?? 0) + 1);
  const actions = [
    text("kind", "Action", (one) => one.kind),
    ...actionRegions.map((region) => ({ key: region, label: region, number: true, value: (one) => numbers.get(`${one.kind} ${region}`) ?? 0 })),
  ];
  return html`<section aria-labelledby="plan-title" id="plan" class=${edited ? "outdated" : ""}>
    <h2 id="plan-title">Plan for administrator ${plan.AdministratorId}</h2>
    <p id="plan-of">${accounts.length ? `${some(accounts.length, "account")}: ${accounts.slice(0, 12).join(", ")}${accounts.length > 12 ? ` and ${count(accounts.length - 12)} more` : ""}, in ${regions.join(", ")}` : ""}</p>
    ${edited &&
    html`<p class="warning" id="plan-outdated"><strong>This plan no longer belongs to the form above.</strong> ${plan.form === null ? "It was made in another tab or by another person." : "The form was changed after it was made."} Show the plan again before you apply it.</p>`}
    <p id="plan-summary">${summary}</p>
    ${list("plan-lines", "Invalid lines, which are skipped", lines === 1 ? "1 invalid line" : `${count(lines)} invalid lines`, plan.Lines, [text("line", "Line", (one) => String(one.Line)), wide("problem", "Problem", (one) => one.Problem)])}
    ${list("plan-problems", "Problems that the plan cannot solve", "Problems that the plan cannot solve", plan.Problems, [...places, wide("problem", "Problem", (one) => one.Problem)])}
    ${list("plan-notes", "What is worth knowing about the plan", "Worth knowing", plan.Notes, [...places, wide("note", "Note", (one) => one.Note)])}
    ${plan.Actions.length > 0 &&
    html`<h3>Actions</h3>
      <${Table} id="plan-actions" caption="Numbers of actions by kind and region" rows=${kinds.map((kind) => ({ kind }))} rowKey=${(one) => one.kind} columns=${actions} />
      <details><summary>Each action</summary>
        <${Table} id="plan-each" caption="Each action" rows=${keyed(plan.Actions)} rowKey=${(one) => one.place} columns=${[text("kind", "Action", (one) => one.Kind), ...places, wide("reason", "Reason", (one) => one.Detail ?? one.Reason ?? "")]} />
      </details>
      <details><summary>As text</summary><pre tabindex="0" role="group" aria-label="The plan as text">${plan.Text}</pre></details>
      ${!edited && html`<p class="buttons"><${Button} name="apply" id="plan-apply" main=${true} run=${applyPlan} label=${`Apply to administrator ${plan.AdministratorId}`} working="Applying" /></p>`}`}
    <${Problem} id="apply-alert" problem=${problems.apply} />
  </section>`;
}

// ---- a job

function watch(id) {
  stop();
  const mine = (job = { id, data: null, rows: [], problem: null, announced: 0 });
  const update = (data) => {
    mine.data = { ...mine.data, ...data };
    const { Done: done, Total: all } = mine.data;
    const quarter = all ? Math.floor((done / all) * 4) : 0;
    if (quarter > mine.announced) {
      mine.announced = quarter;
      announce(`${count(done)} of ${count(all)} memberships finished`);
    }
    changed();
  };
  const finish = (data) => {
    update(data);
    announce(`${WORDS[mine.data.State]}. ${mine.data.Summary ?? ""}`);
    listJobs();
  };
  stop = follow(path`api/onboarding/jobs/${id}/events`, {
    begin: update,
    progress: update,
    rows(rows) {
      // Problems first.
      mine.rows = [...mine.rows, ...rows].sort((a, b) => Boolean(b.Problem) - Boolean(a.Problem));
      changed();
    },
    report: finish,
    stopped: finish,
    failed(data) {
      finish(data);
      mine.problem = data.Error;
    },
    disconnected() {
      mine.problem = { title: "The connection is lost", detail: "reconnecting; the job runs on" };
      changed();
    },
    connected() {
      mine.problem = null;
      changed();
    },
    ended(problem) {
      if (problem) mine.problem = problem;
      mine.ended = true;
      changed();
    },
  });
  changed();
}

async function stopJob() {
  try {
    await call(path`api/onboarding/jobs/${job.id}`, { method: "DELETE", quiet: PATIENT });
  } catch (error) {
    if (!error.problem) throw error;
    job.problem = error.problem;
  }
}

const JOB_COLUMNS = [
  { key: "account", label: "Account", value: (one) => one.AccountId, cell: (one) => html`<a href=${link("account", [one.AccountId])}>${one.AccountId}</a>` },
  { key: "region", label: "Region", value: (one) => one.Region },
  { key: "before", label: "Before", value: (one) => inWords(one.Before) },
  { key: "after", label: "After", value: (one) => inWords(one.After) },
  { key: "done", label: "Done", wide: true, value: (one) => one.Done.join(", ") },
  { key: "problem", label: "Problem", wide: true, value: (one) => one.Problem ?? "" },
];

function Job() {
  if (!job) return null;
  const data = job.data ?? {};
  const bad = (data.Regions ?? []).filter((region) => region.Problem);
  const running = data.State === "running";
  return html`<section aria-labelledby="job-title" id="one">
    <div class="bar">
      <h2 id="job-title">Progress${data.AdministratorId ? `: administrator ${data.AdministratorId}` : ""}</h2>
      <p id="job-count">${data.Total ? `${count(data.Done)} of ${count(data.Total)} finished${data.Failed ? `, ${count(data.Failed)} failed` : ""}` : job.data ? "" : "Not answered yet"}</p>
      <progress id="job-progress" aria-label="Finished memberships" max=${data.Total || 1} value=${data.Done ?? 0}></progress>
      ${running && html`<${Button} name=${`stop ${job.id}`} id="job-stop" run=${stopJob} label="Stop" working="Stopping" />`}
    </div>
    <p id="job-status">${data.State && html`<${Badge} kind=${KINDS[data.State]}>${WORDS[data.State]}<//> ${data.Summary ?? ""} ${bad.map((region) => `${region.Region}: ${region.Problem}.`).join(" ")}`}</p>
    <${Problem} id="job-alert" problem=${job.problem} retry=${job.ended && job.problem && running ? () => watch(job.id) : null} />
    ${job.rows.length > 0 && html`<${Table} id="job-rows" caption="The result for each account in each region" rows=${job.rows} rowKey=${(one) => `${one.AccountId} ${one.Region}`} columns=${JOB_COLUMNS} />`}
  </section>`;
}

async function listJobs() {
  try {
    ({ Jobs: jobs } = await call("api/onboarding/jobs"));
    problems.jobs = null;
  } catch (error) {
    if (!error.problem) throw error;
    problems.jobs = error.problem;
  }
  changed();
}

function Jobs() {
  if (!jobs?.length && !problems.jobs) return null;
  return html`<section aria-labelledby="jobs-title" id="jobs">
    <h2 id="jobs-title">Latest jobs</h2>
    <${Problem} id="jobs-alert" problem=${problems.jobs} retry=${problems.jobs ? listJobs : null} />
    <ul>${(jobs ?? []).map((one) => html`<li key=${one.JobId}><a href=${link("onboarding", [one.JobId])}>${timestamp(one.StartedTime)} UTC, ${one.AdministratorId}</a> ${WORDS[one.State].toLowerCase()}</li>`)}</ul>
  </section>`;
}

// ---- the view

export function Onboarding() {
  const toggle = (region) => (event) => edit({ off: event.target.checked ? form.off.filter((one) => one !== region) : [...form.off, region] });
  const working = isWorking("plan");
  return html`
    <section aria-labelledby="onboarding-title" id="onboarding">
      <h2 id="onboarding-title">Onboarding</h2>
      <form id="plan-form" onSubmit=${submit("plan", makePlan)}>
        <${Field} id="plan-administrator" label="Administrator account, whose graphs the accounts will join">
          <${Select} id="plan-administrator" value=${administratorOf()} choices=${settings.Accounts} change=${(value) => edit({ administrator: value })} required=${true} />
        <//>
        <fieldset id="plan-regions"><legend>Regions</legend>
          ${settings.Regions.map((region) => html`<label key=${region}><input type="checkbox" name="region" value=${region} checked=${!form.off.includes(region)} onChange=${toggle(region)} /> ${region}</label>`)}
        </fieldset>
        <p class="field">
          <label for="plan-csv">Accounts, one per line: the account id, a comma, the e-mail address of its root user</label>
          <textarea id="plan-csv" rows="8" required spellcheck="false" autocomplete="off" placeholder="123456789012,root@example.com" value=${form.csv} onInput=${(event) => edit({ csv: event.target.value })}></textarea>
        </p>
        ${!settings.Accepts && html`<p class="quiet">The accounts are invited, and have to accept the invitation themselves.</p>`}
        <p class="buttons">
          <button type="submit" class="main" id="plan-make" aria-disabled=${working ? "true" : null}>${working ? "Making the plan" : "Show the plan"}</button>
          ${settings.Example && html`<button type="button" id="plan-example" onClick=${() => edit({ csv: settings.Example })}>Insert an example</button>`}
        </p>
      </form>
      <p class="quiet">A plan changes nothing: it shows what would be changed, and is applied only if you say so.</p>
      <${Problem} id="plan-alert" problem=${problems.plan} />
    </section>
    <${Plan} />
    <${Job} />
    <${Jobs} />
  `;
}
