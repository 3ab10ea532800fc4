// The latest jobs, and the words for how a job goes.

import { link } from "./address.js";
import { call } from "./api.js";
import { html } from "./parts/index.js";
import { NOT_KNOWN } from "./records.js";
import { jobsOf } from "./replies.js";
import { Retry } from "./retry.js";
import { changed } from "./store.js";
import { Badge, Problem, count, timestamp } from "./ui.js";

const WORDS = { running: "Running", done: "Done", failed: "Failed", stopped: "Stopped", lost: "Interrupted" };
const KINDS = { running: "wait", done: "good", failed: "bad", stopped: "wait", lost: "bad" };

let jobs = null;
let trouble = null;
export const jobsRetry = new Retry();

// The word and the kind for how it goes: what has failed is never "done" alone.
export function outcome({ State, Failed = 0, Changed = 0, Total, Ok, Regions = [] }) {
  const word = WORDS[State] ?? (State || NOT_KNOWN);
  const bad = Failed > 0 || Ok === false || Regions.some((region) => region.Problem);
  if (State !== "done" || !bad) {
    return [Failed ? `${word}, ${count(Failed)} failed` : word, Failed ? "bad" : KINDS[State]];
  }
  if (Total && Failed >= Total) {
    // An invitation that was sent, for instance, cannot be taken back.
    const changed = Changed ? `, after changes of ${count(Changed)}` : "";
    return [`Failed: ${Total === 1 ? "the membership" : `all ${count(Total)} memberships`}${changed}`, "bad"];
  }
  return [Failed ? `Done, ${count(Failed)} failed` : "Done, with problems", "bad"];
}

export async function listJobs() {
  try {
    jobs = await call("api/onboarding/jobs", { read: jobsOf });
    trouble = null;
    jobsRetry.succeeded();
  } catch (error) {
    if (!error.problem) throw error;
    trouble = error.problem;
    jobsRetry.failed();
  }
  changed();
}

export function Jobs() {
  if (!jobs?.length && !trouble) return null;
  return html`<section aria-labelledby="jobs-title" id="jobs">
    <h2 id="jobs-title">Latest jobs</h2>
    <${Problem} id="jobs-alert" problem=${trouble} retry=${trouble ? listJobs : null} />
    <ul>${(jobs ?? []).map(
      (one) =>
        html`<li key=${one.JobId}><a href=${link("onboarding", [one.JobId])}>${timestamp(one.StartedTime)} UTC, ${
          one.AdministratorId
        }</a> <${Badge} kind=${outcome(one)[1]}>${outcome(one)[0]}<//></li>`,
    )}</ul>
  </section>`;
}
