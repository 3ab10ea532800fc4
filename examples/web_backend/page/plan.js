// A plan for review: it is bound to the form that it was made from, names its administrator, and an edit of the form
// takes it back.

import { address, adjust, go, isRandom, link, placeNow } from "./address.js";
import { call, path } from "./api.js";
import { outdate } from "./data.js";
import { contentsOf, costs, kindInWords, thereInWords } from "./effects.js";
import { administratorOf, asSent, form, linesOf, regionsOf, whenEdited } from "./form.js";
import { listJobs } from "./jobs.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { planOf, startedJobOf } from "./replies.js";
import { inWords } from "./statuses.js";
import { announce, changed, draw, focusOn, notify, recall, remember } from "./store.js";
import { Button, Problem, count, inWordsOf, some, timestamp } from "./ui.js";

const LABELS = new Map([["Csv", "Accounts"]]);
let plan = null; // the answer, and under `form` what it was asked with
export const problems = { plan: null, apply: null };
let making = null; // { control, began }, while a plan is made

const isEdited = () => plan !== null && plan.form !== asSent();
whenEdited((before) => {
  if (plan?.form === before && isEdited()) announce("The plan below no longer belongs to this form.");
});

// The plan that the address names, or that is there already.
export function showPlan(id) {
  if (!id && plan) adjust({ plan: plan.PlanId });
  if (id && id !== plan?.PlanId && isRandom(id)) readPlan(id);
}

export async function makePlan() {
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
  making = { control: new AbortController(), began: performance.now() };
  const { signal } = making.control;
  try {
    take(await call("api/onboarding/plans", { method: "POST", body, limit: "Plan", signal, read: planOf }), sent.form);
  } catch (error) {
    if (signal.aborted) return;
    if (!error.problem) throw error;
    // A plan changes nothing, so nothing can have been carried out.
    problems.plan = { ...inWordsOf(LABELS, error.problem), outcome_unknown: false };
    return;
  } finally {
    making = null;
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

// The server gives it up as soon as nobody waits for it.
export function cancelPlan() {
  making?.control.abort();
  document.getElementById("plan-make").focus();
  announce("The plan was cancelled.");
}

// For how long a plan has been in the making, in seconds; null if none is.
export const secondsOfPlan = () => making && Math.floor((performance.now() - making.began) / 1000);

function take(answer, sent) {
  plan = { ...answer, form: sent };
  remember("plan", { id: answer.PlanId, form: sent });
  if (placeNow() === "onboarding") adjust({ plan: answer.PlanId });
}

// After a reload: the plan of the address, bound to the form that it was made from in this tab.
async function readPlan(id) {
  const { id: known, form: sent } = recall("plan", { id: null, form: null });
  try {
    const answer = await call(path`api/onboarding/plans/${id}`, { read: planOf });
    if (address.query.plan === id) {
      problems.plan = null;
      take(answer, known === id ? sent : null);
    }
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
    const started = await call("api/onboarding/jobs", { method: "POST", body, read: startedJobOf });
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

const text = (key, label, value) => ({ key, label, value });
const wide = (key, label, value) => ({ key, label, value, wide: true });
const PLACES = [
  text("region", "Region", (one) => one.Region ?? "all"),
  text("account", "Account", (one) => one.AccountId ?? "all"),
];
// A note may be about a line, or about all that it names itself: no column is there for nothing.
const ABOUT = [
  text("region", "Region", (one) => one.Region ?? ""),
  text("account", "Account", (one) => one.AccountId ?? ""),
];
// The line as it was sent: lines that do not fit into the box are shown as two there, so that numbers are miscounted.
let sent = { form: null, lines: [] };

function sentLine({ Line: number }) {
  // Once for all rows: the list may have thousands of lines.
  if (sent.form !== plan.form) {
    sent = { form: plan.form, lines: plan.form ? linesOf(JSON.parse(plan.form)[2]) : [] };
  }
  return sent.lines[number - 1] ?? "";
}

const LINES = [
  text("line", "Line", (one) => String(one.Line)),
  wide("text", "Text", sentLine),
  wide("problem", "Problem", (one) => one.Problem),
];
const PROBLEMS = [...PLACES, wide("problem", "Problem", (one) => one.Problem)];
const NOTE = wide("note", "Note", (one) => one.Note);
const ACTIONS = [
  text("kind", "Action", (one) => kindInWords(one.Kind)),
  ...PLACES,
  wide("reason", "Reason", (one) => inWords(one.Detail ?? one.Reason ?? "")),
];

const placed = (rows) => rows.map((one, place) => ({ ...one, place }));

const List = ({ id, caption, heading = caption, rows, columns }) =>
  rows.length > 0 &&
  html`<h3>${heading}</h3>
    <${Table} id=${id} caption=${caption} rows=${placed(rows)} rowKey=${(one) => one.place} columns=${columns} />`;

// How many actions there are of each kind in each region.
function Numbers({ actions }) {
  const kinds = [...new Set(actions.map((action) => action.Kind))];
  const numbers = new Map();
  for (const { Kind, Region } of actions) {
    numbers.set(`${Kind} ${Region}`, (numbers.get(`${Kind} ${Region}`) ?? 0) + 1);
  }
  const columns = [
    text("kind", "Action", (one) => kindInWords(one.kind)),
    ...[...new Set(actions.map((action) => action.Region))].map((region) => ({
      key: region,
      label: region,
      number: true,
      value: (one) => numbers.get(`${one.kind} ${region}`) ?? 0,
    })),
  ];
  return html`<${Table} id="plan-actions" caption="Numbers of actions by kind and region"
    rows=${kinds.map((kind) => ({ kind }))} rowKey=${(one) => one.kind} columns=${columns} />`;
}

function summaryOf({ Actions: actions, Lines: lines, Problems: unsolved, JobId: jobId }, accounts) {
  if (actions.length) {
    const unchanged = problems.apply?.outcome_unknown || jobId ? "" : "Nothing has been changed yet.";
    return `${some(actions.length, "action")} for ${some(accounts.length, "account")}. ${unchanged}`;
  }
  return lines.length || unsolved.length
    ? "There are no actions. The problems below have to be solved first."
    : "There is nothing to do: no account of the list needs an action.";
}

const Outdated = () =>
  html`<p class="warning" id="plan-outdated">${
    plan.form === null
      ? html`<strong>This plan was made in another tab, or by another person.</strong> It can be applied only there.`
      : html`<strong>This plan no longer belongs to the form above.</strong> The form was changed after it was made.
        Show the plan again before you apply it.`
  }</p>`;

const Over = () =>
  html`<p class="warning" id="plan-over"><strong>This plan cannot be applied any more.</strong> ${
    plan.JobId
      ? html`It was applied: <a href=${link("onboarding", [plan.JobId])}>show the progress</a>`
      : "There is a newer one, or it has expired. Show the plan again."
  }</p>`;

export function Plan() {
  if (!plan) return null;
  const accounts = plan.AccountIds ?? [...new Set(plan.Actions.map((action) => action.AccountId).filter(Boolean))];
  const regions = plan.Regions ?? [...new Set(plan.Actions.map((action) => action.Region))];
  const there = thereInWords(plan, accounts, regions);
  const edited = isEdited();
  const lines = plan.Lines.length;
  const isOver = plan.over || plan.JobId || plan.Latest === false;
  const invalid = lines === 1 ? "1 invalid line" : `${count(lines)} invalid lines`;
  const skipped = lines ? `, without the ${lines === 1 ? "invalid line" : invalid}` : "";
  return html`<section aria-labelledby="plan-title" id="plan" class=${edited ? "outdated" : ""}>
    <h2 id="plan-title">Plan for administrator ${plan.AdministratorId}</h2>
    ${plan.CreatedTime && html`<p id="plan-time">As of ${timestamp(plan.CreatedTime)} UTC</p>`}
    <p id="plan-of">${contentsOf(accounts, regions, plan.Actions)}</p>
    ${edited && !isOver && html`<${Outdated} />`}
    <p id="plan-summary">${summaryOf(plan, accounts)}</p>
    ${costs(plan.Actions).map((words) => html`<p key=${words}>${words}</p>`)}
    ${there && html`<p id="plan-there">${there}</p>`}
    <${List} id="plan-lines" caption="Invalid lines, which are skipped" heading=${invalid}
      rows=${plan.Lines} columns=${LINES.filter((one) => one.key !== "text" || plan.form)} />
    <${List} id="plan-problems" caption="Problems that the plan cannot solve" rows=${plan.Problems}
      columns=${PROBLEMS} />
    <${List} id="plan-notes" caption="What is worth knowing about the plan" heading="Worth knowing"
      rows=${plan.Notes} columns=${[...ABOUT.filter((one) => plan.Notes.some(one.value)), NOTE]} />
    ${
      plan.Actions.length > 0 &&
      html`<h3>Actions</h3>
      <${Numbers} actions=${plan.Actions} />
      <details><summary>Each action</summary>
        <${Table} id="plan-each" caption="Each action" rows=${placed(plan.Actions)}
          rowKey=${(one) => one.place} columns=${ACTIONS} />
      </details>
      <details><summary>As text</summary>
        <pre tabindex="0" role="group" aria-label="The plan as text">${plan.Text}</pre>
      </details>
      ${isOver && html`<${Over} />`}
      ${
        !edited &&
        !isOver &&
        html`<p class="buttons"><${Button} name="apply" id="plan-apply" main=${true} run=${applyPlan} working="Applying"
          label=${`Apply to administrator ${plan.AdministratorId}${skipped}`} /></p>`
      }`
    }
    <${Problem} id="apply-alert" problem=${problems.apply} />
  </section>`;
}
