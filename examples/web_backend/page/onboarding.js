// Onboarding: a list of accounts becomes a plan for review, and the plan a job, which runs without the page too. A plan is
// bound to the form that it was made from: it names its administrator, and an edit of the form takes it back.

import { address, adjust, digitsOf, go, isAccount, isRandom, link, placeNow } from "./address.js";
import { call, follow, path } from "./api.js";
import { members, outdate, settings } from "./data.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { Retry } from "./retry.js";
import { inWords } from "./statuses.js";
import { announce, changed, draw, focusOn, isBusy, notify, recall, remember, wantFocus } from "./store.js";
import { Badge, Button, Field, Problem, Select, count, some, submit, timestamp } from "./ui.js";

const WORDS = { running: "Running", done: "Done", failed: "Failed", stopped: "Stopped", lost: "Interrupted" };
const KINDS = { running: "wait", done: "good", failed: "bad", stopped: "wait", lost: "bad" };

// What was typed. `off`: the regions that are not wanted, so that a new region is.
// `leftLines`: the lines that a job has left.
const EMPTY = { administrator: "", off: [], csv: "", leftLines: [] };
const form = recall("onboarding", EMPTY);
let earlier = recall("onboarding-earlier", { form: null }).form; // what was typed before a link filled in the form
let plan = null; // the answer, and under `form` what it was asked with
let jobs = null;
let job = null; // { id, data, rows, problem, live }
let stop = () => {};
const problems = { plan: null, apply: null, jobs: null };

const regionsOf = () => settings.Regions.filter((region) => !form.off.includes(region));
// Nobody is preselected, since a wrong choice invites accounts into a wrong graph.
const administratorOf = () =>
  settings.Accounts.includes(form.administrator)
    ? form.administrator
    : settings.Accounts.length === 1
      ? settings.Accounts[0]
      : "";
const asSent = () => JSON.stringify([administratorOf(), regionsOf(), form.csv]);
const isEdited = () => plan !== null && plan.form !== asSent();

function edit(changes) {
  const was = isEdited();
  Object.assign(form, changes);
  // Those of a list that was replaced are of no interest.
  if (!changes.leftLines) form.leftLines = form.leftLines.filter((line) => linesOf(form.csv).includes(line));
  remember("onboarding", form);
  if (!was && isEdited()) announce("The plan below no longer belongs to this form.");
  // At once: the browser checks what is in the form when it is sent.
  draw();
}

export function tryAgain() {
  if (jobsRetry.isDue()) listJobs();
}

export function show([id]) {
  const { accounts, plan: planId } = address.query;
  if (accounts) prefill(address.query);
  else if (!id && !planId && plan) adjust({ plan: plan.PlanId });
  listJobs();
  if (!id) {
    stop();
    job = null;
  } else if (id !== job?.id) watch(id);
  if (!id && planId && planId !== plan?.PlanId && isRandom(planId)) readPlan(planId);
}

// From the page of an account: the form is for it alone, with its e-mail address if the page has it. What was typed before
// is put aside.
function prefill({ accounts, regions = "", administrator = "" }) {
  const emails = new Map(
    members.rows.filter((one) => one.EmailAddress).map((one) => [one.AccountId, one.EmailAddress]),
  );
  const csv = accounts
    .split(",")
    .map(digitsOf)
    .filter(isAccount)
    .map((id) => `${id},${emails.get(id) ?? ""}`)
    .join("\n");
  adjust({ accounts: null, regions: null, administrator: null });
  if (!csv) return;
  // Only what was typed, and not what another link has filled in.
  if (form.csv.trim() && ![csv, form.prefilled].includes(form.csv.trim())) putAside({ ...form });
  const wanted = regions.split(",").filter((region) => settings.Regions.includes(region));
  const off = wanted.length ? settings.Regions.filter((region) => !wanted.includes(region)) : [];
  edit({ csv, prefilled: csv, off, administrator: settings.Accounts.includes(administrator) ? administrator : "" });
  const missing = csv.search(/,$/m);
  if (!administratorOf()) wantFocus("plan-administrator");
  else if (missing >= 0) wantFocus("plan-csv", missing + 1);
  else wantFocus("plan-make");
}

function putAside(found) {
  earlier = found;
  remember("onboarding-earlier", { form: earlier });
}

function putBack() {
  const found = earlier;
  putAside(null);
  edit(found);
  document.getElementById("plan-csv").focus();
}

const linesOf = (csv) => csv.split(/\r\n|\r|\n/);
// The server takes other separators, quotes and another order of columns, too.
const idOf = (line) =>
  line
    .replace(/["']/g, "")
    .split(/[,;\t]/)
    .map(digitsOf)
    .find(isAccount) ?? "";
const lineCount = (csv) => linesOf(csv).filter((line) => line.trim()).length;

// ---- the plan

async function makePlan() {
  problems.plan = null;
  problems.apply = null;
  form.leftLines = [];
  const sent = { form: asSent(), administrator: administratorOf(), from: placeNow() };
  const body = { AdministratorId: sent.administrator, Regions: regionsOf(), Csv: form.csv };
  plan = null;
  if (body.Regions.length === 0) {
    problems.plan = { title: "Choose at least one region", detail: "", parameter: "Regions" };
    return;
  }
  try {
    take(await call("api/onboarding/plans", { method: "POST", body, limit: "Plan" }), sent.form);
  } catch (error) {
    if (!error.problem) throw error;
    // A plan changes nothing, so nothing can have been carried out.
    problems.plan = { ...error.problem, outcome_unknown: false };
    return;
  }
  draw();
  if (placeNow() === sent.from) focusOn("plan");
  else if (address.view !== "onboarding") {
    notify({
      text: `The plan for administrator ${plan.AdministratorId} is ready.`,
      href: link("onboarding", [], { plan: plan.PlanId }),
      label: "Show it",
    });
  }
}

function take(answer, sent) {
  plan = { ...answer, form: sent };
  remember("plan", { id: answer.PlanId, form: sent });
  if (placeNow() === "onboarding") adjust({ plan: answer.PlanId });
}

// After a reload: the plan of the address, bound to the form that it was made from in this tab.
async function readPlan(id) {
  const { id: known, form: sent } = recall("plan", { id: null, form: null });
  try {
    const answer = await call(path`api/onboarding/plans/${id}`);
    if (address.query.plan === id) take(answer, known === id ? sent : null);
  } catch (error) {
    if (!error.problem) throw error;
    if (error.problem.status === 404) {
      problems.plan = { title: "The plan of this address is gone", detail: "make a new plan" };
    } else {
      problems.plan = { ...error.problem, title: `The plan of this address could not be read: ${error.problem.title}` };
    }
  }
  changed();
}

// Why a plan can never be applied any more.
const OVER = new Set(["PlanMismatch", "PlanSuperseded"]);

async function applyPlan() {
  // A click may come after the answer, and before the button is gone.
  if (!plan || isEdited()) return;
  problems.apply = null;
  const [applied, from] = [plan, placeNow()];
  const body = { PlanId: plan.PlanId, AdministratorId: plan.AdministratorId };
  if (plan.AccountIds) body.AccountIds = plan.AccountIds;
  try {
    const started = await call("api/onboarding/jobs", { method: "POST", body });
    outdate();
    if (plan === applied) plan = null;
    const bad = (applied.Lines ?? []).map((one) => one.Line);
    remember("applied", { id: started.JobId, accounts: applied.AccountIds ?? [], bad, form: applied.form });
    if (placeNow() === from) go("onboarding", [started.JobId]);
    else {
      notify({
        text: `The plan for administrator ${applied.AdministratorId} is being applied.`,
        href: link("onboarding", [started.JobId]),
        label: "Show the progress",
      });
    }
  } catch (error) {
    if (!error.problem) throw error;
    problems.apply = {
      ...error.problem,
      advice: "To apply it again is safe: a plan is applied only once. The latest jobs below show whether it was.",
    };
    if (error.problem.outcome_unknown) listJobs();
    if (error.problem.status === 404 || OVER.has(error.problem.code)) applied.over = true;
    // The plan says so itself.
    if (error.problem.status === 404) problems.apply = null;
  }
}

// The lines of the accounts that a job of this tab has done leave the form, unless that is another one by now; the others
// stay, to be corrected or planned again. The regions of a plan that is done are not those of the next one.
function settle({ id, data, rows }) {
  const applied = recall("applied", { id: null, accounts: [], bad: [], form: null });
  if (applied.id !== id) return;
  remember("applied", {});
  if (applied.form !== asSent()) return;
  const failed = failedAccounts(rows);
  const isKnownOf = data.State === "done" || rows.length > 0;
  const done = new Set(isKnownOf ? applied.accounts.filter((account) => !failed.has(account)) : []);
  const lines = linesOf(form.csv);
  // A heading and comments have no account, and are no lines with errors: they stay with the lines that need them.
  const isLeft = lines.map((line, index) => (idOf(line) ? !done.has(idOf(line)) : applied.bad.includes(index + 1)));
  const leftLines = lines.filter((_, index) => isLeft[index]);
  const kept = lines.filter((line, index) => leftLines.length && line.trim() && (isLeft[index] || !idOf(line)));
  edit({ csv: kept.join("\n"), off: failed.size || !done.size ? form.off : [], leftLines });
}

const failedAccounts = (rows) => new Set(rows.filter((one) => one.Problem).map((one) => one.AccountId));

// How many of the accounts in the form the job has not done, as far as that is known.
function notDone({ id, rows, gone }) {
  const applied = recall("applied", { id: null, accounts: [] });
  const wanted = gone ? new Set(applied.id === id ? applied.accounts : []) : failedAccounts(rows);
  return new Set(
    linesOf(form.csv)
      .map(idOf)
      .filter((account) => wanted.has(account)),
  ).size;
}

// What cannot be taken back.
function costs(actions) {
  const number = (...kinds) => actions.filter((one) => kinds.includes(one.Kind)).length;
  const [mails, graphs] = [number("invite", "reinvite"), number("create graph")];
  return [
    mails > 0 &&
      `${some(mails, "invitation")}: ${mails === 1 ? "the root user of the account gets an e-mail" : "for each of them, the root user of the account gets an e-mail"}.`,
    graphs > 0 && `${some(graphs, "new graph")}: its members pay for their data once the free trial is over.`,
  ].filter(Boolean);
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
  const summary = plan.Actions.length
    ? `${some(plan.Actions.length, "action")} for ${some(accounts.length, "account")}. ${problems.apply?.outcome_unknown || plan.JobId ? "" : "Nothing has been changed yet."}`
    : nothing;
  const isOver = plan.over || plan.JobId || plan.Latest === false;
  const skipped = lines ? `, without the ${lines === 1 ? "invalid line" : `${count(lines)} invalid lines`}` : "";
  const text = (key, label, value) => ({ key, label, value });
  const wide = (key, label, value) => ({ key, label, value, wide: true });
  const places = [
    text("region", "Region", (one) => one.Region ?? "all"),
    text("account", "Account", (one) => one.AccountId ?? "all"),
  ];
  // A note may be about a line, or about all that it names itself.
  const about = [
    text("region", "Region", (one) => one.Region ?? ""),
    text("account", "Account", (one) => one.AccountId ?? ""),
  ];
  const keyed = (rows) => rows.map((one, place) => ({ ...one, place }));
  const list = (id, caption, heading, rows, columns) =>
    rows.length > 0 &&
    html`<h3>${heading}</h3><${Table} id=${id} caption=${caption} rows=${keyed(rows)} rowKey=${(one) => one.place} columns=${columns} />`;
  const kinds = [...new Set(plan.Actions.map((action) => action.Kind))];
  const actionRegions = [...new Set(plan.Actions.map((action) => action.Region))];
  const numbers = new Map();
  for (const { Kind, Region } of plan.Actions) {
    numbers.set(`${Kind} ${Region}`, (numbers.get(`${Kind} ${Region}`) ?? 0) + 1);
  }
  const actions = [
    text("kind", "Action", (one) => one.kind),
    ...actionRegions.map((region) => ({
      key: region,
      label: region,
      number: true,
      value: (one) => numbers.get(`${one.kind} ${region}`) ?? 0,
    })),
  ];
  return html`<section aria-labelledby="plan-title" id="plan" class=${edited ? "outdated" : ""}>
    <h2 id="plan-title">Plan for administrator ${plan.AdministratorId}</h2>
    <p id="plan-of">${accounts.length ? `${some(accounts.length, "account")}: ${accounts.slice(0, 12).join(", ")}${accounts.length > 12 ? ` and ${count(accounts.length - 12)} more` : ""}, in ${regions.join(", ")}` : ""}</p>
    ${
      edited &&
      !isOver &&
      html`<p class="warning" id="plan-outdated">${plan.form === null ? html`<strong>This plan was made in another tab, or by another person.</strong> It can be applied only there.` : html`<strong>This plan no longer belongs to the form above.</strong> The form was changed after it was made. Show the plan again before you apply it.`}</p>`
    }
    <p id="plan-summary">${summary}</p>
    ${costs(plan.Actions).map((words) => html`<p key=${words}>${words}</p>`)}
    ${list("plan-lines", "Invalid lines, which are skipped", lines === 1 ? "1 invalid line" : `${count(lines)} invalid lines`, plan.Lines, [text("line", "Line", (one) => String(one.Line)), wide("problem", "Problem", (one) => one.Problem)])}
    ${list("plan-problems", "Problems that the plan cannot solve", "Problems that the plan cannot solve", plan.Problems, [...places, wide("problem", "Problem", (one) => one.Problem)])}
    ${list("plan-notes", "What is worth knowing about the plan", "Worth knowing", plan.Notes, [...about, wide("note", "Note", (one) => one.Note)])}
    ${
      plan.Actions.length > 0 &&
      html`<h3>Actions</h3>
      <${Table} id="plan-actions" caption="Numbers of actions by kind and region" rows=${kinds.map((kind) => ({ kind }))} rowKey=${(one) => one.kind} columns=${actions} />
      <details><summary>Each action</summary>
        <${Table} id="plan-each" caption="Each action" rows=${keyed(plan.Actions)} rowKey=${(one) => one.place} columns=${[text("kind", "Action", (one) => one.Kind), ...places, wide("reason", "Reason", (one) => inWords(one.Detail ?? one.Reason ?? ""))]} />
      </details>
      <details><summary>As text</summary><pre tabindex="0" role="group" aria-label="The plan as text">${plan.Text}</pre></details>
      ${isOver && html`<p class="warning" id="plan-over"><strong>This plan cannot be applied any more.</strong> ${plan.JobId ? html`It was applied: <a href=${link("onboarding", [plan.JobId])}>show the progress</a>` : "There is a newer one, or it has expired. Show the plan again."}</p>`}
      ${!edited && !isOver && html`<p class="buttons"><${Button} name="apply" id="plan-apply" main=${true} run=${applyPlan} label=${`Apply to administrator ${plan.AdministratorId}${skipped}`} working="Applying" /></p>`}`
    }
    <${Problem} id="apply-alert" problem=${problems.apply} />
  </section>`;
}

// ---- a job

// The word and the kind for how it goes: what has failed is never "done" alone.
function outcome({ State, Failed = 0, Total, Ok, Regions = [] }) {
  const bad = Failed > 0 || Ok === false || Regions.some((region) => region.Problem);
  if (State !== "done" || !bad) {
    return [Failed ? `${WORDS[State]}, ${count(Failed)} failed` : WORDS[State], Failed ? "bad" : KINDS[State]];
  }
  if (Total && Failed >= Total) {
    return [`Failed: ${Total === 1 ? "the membership" : `all ${count(Total)} memberships`}`, "bad"];
  }
  return [Failed ? `Done, ${count(Failed)} failed` : "Done, with problems", "bad"];
}

// Problems that differ only in the account's id are one: problem -> its rows, the most frequent one first.
function byProblem(rows) {
  const groups = new Map();
  for (const row of rows) {
    if (!row.Problem) continue;
    const problem = row.Problem.replaceAll(row.AccountId, "(account)");
    if (!groups.has(problem)) groups.set(problem, []);
    groups.get(problem).push(row);
  }
  return [...groups].sort((a, b) => b[1].length - a[1].length);
}

const MANY = 10; // more accounts or problems are not named
const accountsOf = (rows) => {
  const ids = [...new Set(rows.map((one) => one.AccountId))];
  return ids.slice(0, MANY).join(", ") + (ids.length > MANY ? ` and ${count(ids.length - MANY)} more` : "");
};

function watch(id) {
  stop();
  const mine = (job = { id, data: null, rows: [], problem: null, announced: 0, follows: true });
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
    // Nothing comes after it, so the connection is of no interest any more.
    mine.follows = false;
    mine.problem = null;
    update(data);
    settle(mine);
    announce(`${outcome(mine.data)[0]}. ${mine.data.Summary ?? ""}`);
    outdate();
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
      if (!mine.follows) return;
      mine.problem = {
        title: "The connection is lost",
        detail: "reconnecting; a job does not need this page, but whether it runs on is not known",
      };
      changed();
    },
    connected() {
      mine.problem = null;
      changed();
    },
    ended(problem) {
      if (problem?.status === 404) lose(mine);
      else if (problem) mine.problem = problem;
      mine.ended = true;
      changed();
    },
  });
  changed();
}

// The server has forgotten a job: one that was running has been interrupted by a restart.
const GONE = {
  title: "The server does not know this job any more",
  detail:
    "it has expired, or the server was restarted, which interrupts a job; Members has what was done, and a new plan for the same accounts continues there",
};

function lose(mine) {
  mine.problem = GONE;
  mine.gone = true;
  if (mine.data?.State === "running") mine.data = { ...mine.data, State: "lost" };
  outdate();
  listJobs();
}

async function stopJob() {
  try {
    await call(path`api/onboarding/jobs/${job.id}`, { method: "DELETE" });
  } catch (error) {
    if (!error.problem) throw error;
    if (error.problem.status === 404) lose(job);
    else job.problem = error.problem;
  }
}

const JOB_COLUMNS = [
  {
    key: "account",
    label: "Account",
    value: (one) => one.AccountId,
    cell: (one) => html`<a href=${link("account", [one.AccountId])}>${one.AccountId}</a>`,
  },
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
  const groups = byProblem(job.rows);
  const left = running ? 0 : notDone(job);
  return html`<section aria-labelledby="job-title" id="one">
    <div class="bar">
      <h2 id="job-title">Progress${data.AdministratorId ? `: administrator ${data.AdministratorId}` : ""}</h2>
      <p id="job-count">${data.Total ? `${count(data.Done)} of ${count(data.Total)} finished${data.Failed ? `, ${count(data.Failed)} failed` : ""}` : job.data || job.problem ? "" : "Not answered yet"}</p>
      <progress id="job-progress" aria-label="Finished memberships" max=${data.Total || 1} value=${data.Done ?? 0}></progress>
      ${running && html`<${Button} name=${`stop ${job.id}`} id="job-stop" run=${stopJob} label="Stop" working="Stopping" />`}
    </div>
    <p id="job-status">${data.State && html`<${Badge} kind=${outcome(data)[1]}>${outcome(data)[0]}<//> ${data.Summary ?? ""} ${bad.map((region) => `${region.Region}: ${region.Problem}.`).join(" ")}`}</p>
    <${Problem} id="job-alert" problem=${job.problem} retry=${job.ended && job.problem && running ? () => watch(job.id) : null} />
    ${
      groups.length > 0 &&
      html`<h3>Problems</h3><ul class="groups" id="job-problems">${groups.slice(0, MANY).map(([problem, rows]) => html`<li key=${problem}><strong>${some(rows.length, "membership")}</strong>: ${problem}. <span class="quiet">${accountsOf(rows)}</span></li>`)}${groups.length > MANY && html`<li key="more">And ${some(groups.length - MANY, "other problem")}, in the table below.</li>`}</ul>`
    }
    ${left > 0 && html`<p class="buttons" id="job-left">${left === 1 ? "The account that is not done is" : `The ${count(left)} accounts that are not done are`} still in the form. <button type="button" onClick=${() => document.getElementById("plan-csv").focus()}>Go to the form</button></p>`}
    ${job.rows.length > 0 && html`<${Table} id="job-rows" caption="The result for each account in each region" rows=${job.rows} rowKey=${(one) => `${one.AccountId} ${one.Region}`} columns=${JOB_COLUMNS} />`}
  </section>`;
}

const jobsRetry = new Retry();

async function listJobs() {
  try {
    ({ Jobs: jobs } = await call("api/onboarding/jobs"));
    problems.jobs = null;
    jobsRetry.succeeded();
  } catch (error) {
    if (!error.problem) throw error;
    problems.jobs = error.problem;
    jobsRetry.failed();
  }
  changed();
}

function Jobs() {
  if (!jobs?.length && !problems.jobs) return null;
  return html`<section aria-labelledby="jobs-title" id="jobs">
    <h2 id="jobs-title">Latest jobs</h2>
    <${Problem} id="jobs-alert" problem=${problems.jobs} retry=${problems.jobs ? listJobs : null} />
    <ul>${(jobs ?? []).map((one) => html`<li key=${one.JobId}><a href=${link("onboarding", [one.JobId])}>${timestamp(one.StartedTime)} UTC, ${one.AdministratorId}</a> <${Badge} kind=${outcome(one)[1]}>${outcome(one)[0]}<//></li>`)}</ul>
  </section>`;
}

// ---- the view

// Only into an empty box: what was typed could not be brought back.
function insertExample() {
  edit({ csv: settings.Example });
  document.getElementById("plan-csv").focus();
}

export function Onboarding() {
  const toggle = (region) => (event) =>
    edit({ off: event.target.checked ? form.off.filter((one) => one !== region) : [...form.off, region] });
  const working = isBusy("plan");
  return html`
    <section aria-labelledby="onboarding-title" id="onboarding">
      <h2 id="onboarding-title">Onboarding</h2>
      <form id="plan-form" onSubmit=${submit("plan", makePlan)}>
        <${Field} id="plan-administrator" label="Administrator account, whose graphs the accounts will join">
          <${Select} id="plan-administrator" value=${administratorOf()} any=${settings.Accounts.length === 1 ? null : "Choose an administrator"} choices=${settings.Accounts} change=${(value) => edit({ administrator: value })} required=${true} />
        <//>
        <fieldset id="plan-regions"><legend>Regions</legend>
          ${settings.Regions.map((region) => html`<label key=${region}><input type="checkbox" name="region" value=${region} checked=${!form.off.includes(region)} onChange=${toggle(region)} /> ${region}</label>`)}
        </fieldset>
        <p class="field">
          <label for="plan-csv">Accounts, one per line: the account id, a comma, the e-mail address of its root user</label>
          <textarea id="plan-csv" rows="8" required spellcheck="false" autocomplete="off" placeholder="123456789012,root@example.com" value=${form.csv} onInput=${(event) => edit({ csv: event.target.value })}></textarea>
        </p>
        ${form.leftLines.length > 0 && html`<p class="field" id="plan-left">${some(form.leftLines.length, "line")} of the latest plan ${form.leftLines.length === 1 ? "is" : "are"} not done: correct what is wrong, and show the plan again.</p>`}
        ${earlier && html`<p class="field" id="plan-earlier">The form is for this account alone; your earlier list of ${some(lineCount(earlier.csv), "line")} is put aside. <button type="button" onClick=${putBack}>Put it back</button></p>`}
        ${!settings.Accepts && html`<p class="quiet">The accounts are invited, and have to accept the invitation themselves.</p>`}
        <p class="buttons">
          <button type="submit" class="main" id="plan-make" aria-disabled=${working ? "true" : null}>${working ? "Making the plan" : "Show the plan"}</button>
          ${settings.Example && !form.csv.trim() && html`<button type="button" id="plan-example" onClick=${insertExample}>Insert an example</button>`}
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
