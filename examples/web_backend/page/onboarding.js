// Onboarding: a list of accounts becomes a plan for review, and the plan a job.

import { address } from "./address.js";
import { settings } from "./data.js";
import { administratorOf, earlier, edit, form, lineCount, prefill, putBack } from "./form.js";
import { Job, isRunning, jobRetry, showJob, watchAgain } from "./job.js";
import { Jobs, jobsRetry, listJobs } from "./jobs.js";
import { html } from "./parts/index.js";
import { Plan, cancelPlan, makePlan, problems, secondsOfPlan, showPlan } from "./plan.js";
import { isBusy } from "./store.js";
import { Field, Problem, Select, count, some, submit } from "./ui.js";

export function tryAgain() {
  if (jobsRetry.isDue()) listJobs();
  if (jobRetry.isDue()) watchAgain();
}

export const isLoading = () => isRunning() || secondsOfPlan() !== null;

export function show([id]) {
  if (address.query.accounts) prefill(address.query);
  else if (!id) showPlan(address.query.plan);
  listJobs();
  showJob(id);
}

// Only into an empty box: what was typed could not be brought back.
function insertExample() {
  edit({ csv: settings.Example });
  document.getElementById("plan-csv").focus();
}

function Regions() {
  const toggle = (region) => (event) =>
    edit({ off: event.target.checked ? form.off.filter((one) => one !== region) : [...form.off, region] });
  return html`<fieldset id="plan-regions"><legend>Regions</legend>
    ${settings.Regions.map(
      (region) =>
        html`<label key=${region}><input type="checkbox" name="region" value=${region}
          checked=${!form.off.includes(region)} onChange=${toggle(region)} /> ${region}</label>`,
    )}
  </fieldset>`;
}

const Left = () =>
  form.leftLines.length > 0 &&
  html`<p class="field" id="plan-left">${some(form.leftLines.length, "line")} of the latest plan ${
    form.leftLines.length === 1 ? "is" : "are"
  } not done: correct what is wrong, and show the plan again.</p>`;

function Earlier() {
  if (!earlier.length) return null;
  const more = earlier.length > 1 ? `, and ${some(earlier.length - 1, "list")} before it,` : "";
  return html`<p class="field" id="plan-earlier">The form is for this account alone; your earlier list of ${some(
    lineCount(earlier.at(-1).csv),
    "line",
  )}${more} is put aside. <button type="button" onClick=${putBack}>Put it back</button></p>`;
}

export function Onboarding() {
  const working = isBusy("plan");
  const seconds = secondsOfPlan();
  return html`
    <section aria-labelledby="onboarding-title" id="onboarding">
      <h2 id="onboarding-title">Onboarding</h2>
      <form id="plan-form" onSubmit=${submit("plan", makePlan)}>
        <${Field} id="plan-administrator" label="Administrator account, whose graphs the accounts will join">
          <${Select} id="plan-administrator" value=${administratorOf()} choices=${settings.Accounts} required=${true}
            any=${settings.Accounts.length === 1 ? null : "Choose an administrator"}
            change=${(value) => edit({ administrator: value })} />
        <//>
        <${Regions} />
        <p class="field">
          <label for="plan-csv">Accounts, one per line: the account id, a comma, the e-mail address of its root
            user</label>
          <textarea id="plan-csv" rows="8" required spellcheck="false" autocomplete="off" value=${form.csv}
            placeholder="123456789012,root@example.com"
            onInput=${(event) => edit({ csv: event.target.value })}></textarea>
        </p>
        <${Left} />
        <${Earlier} />
        ${
          !settings.Accepts &&
          html`<p class="quiet">The accounts are invited, and have to accept the invitation themselves.</p>`
        }
        <p class="buttons">
          <button type="submit" class="main" id="plan-make" aria-disabled=${working ? "true" : null}>
            ${working ? "Making the plan" : "Show the plan"}
          </button>
          ${
            seconds !== null &&
            html`<button type="button" id="plan-cancel" onClick=${cancelPlan}>Cancel</button>
              <span class="quiet" id="plan-seconds">for ${count(seconds)} s</span>`
          }
          ${
            settings.Example &&
            !form.csv.trim() &&
            html`<button type="button" id="plan-example" onClick=${insertExample}>Insert an example</button>`
          }
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
