// A job: the application of a plan, which runs without the page too.

import { link } from "./address.js";
import { call, follow, path } from "./api.js";
import { notDone, settle } from "./applied.js";
import { outdate } from "./data.js";
import { doneInWords } from "./effects.js";
import { listJobs, outcome } from "./jobs.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { jobOf, jobRowsOf } from "./replies.js";
import { Retry } from "./retry.js";
import { inWords } from "./statuses.js";
import { announce, changed } from "./store.js";
import { Badge, Button, Problem, count, some } from "./ui.js";

let job = null; // { id, data, rows, problem, unstopped, began }
let stop = () => {};
// A server that goes down ends the stream itself, so that the browser does not reconnect.
export const jobRetry = new Retry();
export const watchAgain = () => open(job);

// The job that the address names, or none.
export function showJob(id) {
  if (!id) {
    stop();
    jobRetry.succeeded();
    job = null;
  } else if (id !== job?.id) watch(id);
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
  job = { id, data: null, rows: [], problem: null, unstopped: null, announced: 0, follows: true, ended: false };
  job.began = performance.now();
  open(job);
  changed();
}

// A browser has six connections to a server for all its windows, so that a page that nobody sees must not keep one: the
// others could not stop the job. It runs on without a reader, and tells everything to one that comes back.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") stop();
  else if (isRunning()) open(job);
});

function open(mine) {
  stop();
  jobRetry.due = Infinity;
  mine.ended = false;
  if (document.visibilityState === "hidden") return;
  const update = (data) => {
    mine.data = { ...mine.data, ...jobOf(data) };
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
    mine.unstopped = null;
    update(data);
    settle(mine);
    announce(`${outcome(mine.data)[0]}. ${mine.data.Summary ?? ""}`);
    outdate();
    listJobs();
  };
  stop = follow(path`api/onboarding/jobs/${mine.id}/events`, {
    begin(data) {
      // A stream that was opened anew has all rows again.
      mine.rows = [];
      update(data);
    },
    progress: update,
    rows(rows) {
      // Problems first.
      mine.rows = [...mine.rows, ...jobRowsOf(rows)].sort((a, b) => Boolean(b.Problem) - Boolean(a.Problem));
      changed();
    },
    report: finish,
    stopped: finish,
    failed(data) {
      finish(data);
      mine.problem = mine.data.Error;
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
      jobRetry.succeeded();
      mine.problem = null;
      changed();
    },
    ended(problem) {
      if (problem?.status === 404) lose(mine);
      else if (problem) {
        mine.problem = problem;
        jobRetry.failed();
      }
      mine.ended = true;
      changed();
    },
  });
}

// The server has forgotten a job: one that was running has been interrupted by a restart.
const GONE = {
  title: "The server does not know this job any more",
  detail:
    "it has expired, or the server was restarted, which interrupts a job; Members has what was done, " +
    "and a new plan for the same accounts continues there",
};

function lose(mine) {
  mine.problem = GONE;
  mine.gone = true;
  if (mine.data?.State === "running") mine.data = { ...mine.data, State: "lost" };
  outdate();
  listJobs();
}

// A problem of its own: that of the connection comes and goes meanwhile.
async function stopJob() {
  const mine = job;
  mine.unstopped = null;
  try {
    await call(path`api/onboarding/jobs/${mine.id}`, { method: "DELETE" });
  } catch (error) {
    if (!error.problem) throw error;
    if (error.problem.status === 404) lose(mine);
    else if (mine.follows) {
      const words = [error.problem.title, error.problem.detail].filter(Boolean).join(": ");
      const title = error.problem.outcome_unknown
        ? "Whether the job was stopped is not known"
        : "The job was not stopped";
      mine.unstopped = { ...error.problem, title, detail: `${words}. Stop it again`, outcome_unknown: false };
    }
  }
}

// What has no end yet, such as its seconds, is drawn anew.
export const isRunning = () => job?.follows && !job.ended;

// What was not looked at again after the plan is not known: it may be a member by then.
const UNSEEN = new Set(["interrupted", "timed out"]);
const afterOf = (one) => (one.After === null && UNSEEN.has(one.Reason) ? "not known" : inWords(one.After));

const JOB_COLUMNS = [
  {
    key: "account",
    label: "Account",
    value: (one) => one.AccountId,
    cell: (one) => html`<a href=${link("account", [one.AccountId])}>${one.AccountId}</a>`,
  },
  { key: "region", label: "Region", value: (one) => one.Region },
  { key: "before", label: "Before", value: (one) => inWords(one.Before) },
  { key: "after", label: "After", value: afterOf },
  { key: "done", label: "Done", wide: true, value: (one) => one.Done.map(doneInWords).join(", ") },
  { key: "problem", label: "Problem", wide: true, value: (one) => one.Problem ?? "" },
];

function progressOf({ data, problem, began }) {
  const seconds = Math.floor((performance.now() - began) / 1000);
  const waited = seconds > 0 ? `, waiting for ${count(seconds)} s` : "";
  if (!data) return problem ? "" : `Not answered yet${waited}`;
  if (!data.Total) return data.State === "running" ? `None finished yet${waited}` : "";
  const failed = data.Failed ? `, ${count(data.Failed)} failed` : "";
  return `${count(data.Done)} of ${count(data.Total)} finished${failed}${data.State === "running" ? waited : ""}`;
}

const statusOf = (data) => {
  const bad = (data.Regions ?? []).filter((region) => region.Problem);
  const words = bad.map((region) => `${region.Region}: ${region.Problem}.`).join(" ");
  return html`<${Badge} kind=${outcome(data)[1]}>${outcome(data)[0]}<//> ${data.Summary ?? ""} ${words}`;
};

const Problems = ({ groups }) =>
  groups.length > 0 &&
  html`<h3>Problems</h3>
    <ul class="groups" id="job-problems">
      ${groups.slice(0, MANY).map(
        ([problem, rows]) =>
          html`<li key=${problem}><strong>${some(rows.length, "membership")}</strong>: ${problem}. <span
            class="quiet">${accountsOf(rows)}</span></li>`,
      )}
      ${
        groups.length > MANY &&
        html`<li key="more">And ${some(groups.length - MANY, "other problem")}, in the table below.</li>`
      }
    </ul>`;

const goToForm = () => document.getElementById("plan-csv").focus();

const Left = ({ left }) =>
  left > 0 &&
  html`<p class="buttons" id="job-left">${
    left === 1 ? "The account that is not done is" : `The ${count(left)} accounts that are not done are`
  } still in the form. <button type="button" onClick=${goToForm}>Go to the form</button></p>`;

export function Job() {
  if (!job) return null;
  const data = job.data ?? {};
  const running = data.State === "running";
  return html`<section aria-labelledby="job-title" id="one">
    <div class="bar">
      <h2 id="job-title">Progress${data.AdministratorId ? `: administrator ${data.AdministratorId}` : ""}</h2>
      <p id="job-count">${progressOf(job)}</p>
      <progress id="job-progress" aria-label="Finished memberships" max=${data.Total || 1}
        value=${data.Done ?? 0}></progress>
      ${
        running &&
        html`<${Button} name=${`stop ${job.id}`} id="job-stop" run=${stopJob} label="Stop" working="Stopping" />`
      }
    </div>
    <p id="job-status">${data.State && statusOf(data)}</p>
    <${Problem} id="job-alert" problem=${job.problem}
      retry=${job.ended && job.problem && running ? watchAgain : null} />
    <${Problem} id="stop-alert" problem=${job.unstopped} />
    <${Problems} groups=${byProblem(job.rows)} />
    <${Left} left=${running ? 0 : notDone(job)} />
    ${
      job.rows.length > 0 &&
      html`<${Table} id="job-rows" caption="The result for each account in each region" rows=${job.rows}
        rowKey=${(one) => `${one.AccountId} ${one.Region}`} columns=${JOB_COLUMNS} />`
    }
  </section>`;
}
