// The fleet: what needs attention, what changed, and the memberships by status in every account and region.

import { Attention } from "./attention.js";
import { Changes, readChanges, refreshChanges } from "./changes.js";
import { Chart, Legend } from "./chart.js";
import { fleet, members } from "./data.js";
import { html } from "./parts/index.js";
import { Regions } from "./regions.js";
import { total } from "./statuses.js";
import { announce } from "./store.js";
import { Targets } from "./targets.js";
import { failed, shownStatuses, sumOf, totalsOf } from "./totals.js";
import { Freshness, Problem, RefreshButton, count, some, timestamp } from "./ui.js";

fleet.whenReady = readChanges;

export function show() {
  if (fleet.phase === "ready") refreshChanges();
  fleet.enter(members);
}

export const leave = () => fleet.leave();

export const tryAgain = () => fleet.tryAgain();

// Announced to screen readers at each quarter only.
let said = { began: 0, quarter: 0 };
function say(totals) {
  if (!fleet.answered) return;
  const { Done, Total } = fleet.progress ?? { Done: 0, Total: 1 };
  const quarter = Math.floor((Done / (Total || 1)) * 4);
  if (said.began !== fleet.began) said = { began: fleet.began, quarter: 0 };
  if (quarter <= said.quarter) return;
  said.quarter = quarter;
  const sum = sumOf(totals);
  const isCounted = quarter === 4 && sum.answered;
  announce(`${progressWords()}${isCounted ? `: ${some(total(sum.counts), "membership")}` : ""}`);
}

// Of the survey that is under way, and not of the one before.
function progressWords() {
  const failures = fleet.answered ? failed().filter((target) => target.survey === fleet.surveyId).length : 0;
  const done = `${count(fleet.progress?.Done ?? 0)} of ${count(fleet.survey.Total)} done`;
  return failures ? `${done}, ${count(failures)} failed` : done;
}

export function Fleet() {
  const totals = totalsOf();
  // What the latest survey could not read is not of its time.
  const isOld = fleet.phase === "ready" && fleet.oldSince !== null;
  const asOf = fleet.survey && !isOld ? `, as of ${timestamp(fleet.survey.StartedTime)} UTC` : "";
  say(totals);
  return html`
    <section aria-labelledby="fleet-title" id="fleet">
      <div class="bar">
        <h2 id="fleet-title">Fleet</h2>
        <p id="fleet-count">${fleet.survey ? `${progressWords()}${asOf}` : "Not answered yet"}</p>
        <progress id="fleet-progress" aria-label="Accounts and regions that are done" max=${fleet.progress?.Total || 1}
          value=${fleet.progress?.Done ?? 0}></progress>
        <${RefreshButton} id="fleet-refresh" busy=${fleet.loading} run=${() => fleet.load({ fresh: true })} />
      </div>
      ${(isOld || fleet.phase !== "ready") && html`<${Freshness} id="fleet-freshness" of=${fleet} />`}
      <${Problem} id="fleet-alert" problem=${fleet.problem}
        retry=${fleet.phase === "failed" ? () => fleet.load() : null} />
    </section>
    <${Attention} totals=${totals} />
    <section aria-labelledby="chart-title" id="overview">
      <h2 id="chart-title">Memberships by status and region</h2>
      <${Legend} statuses=${shownStatuses(totals)} />
      <${Chart} totals=${totals} />
      <p id="chart-text" class="hidden">The table below has the same numbers.</p>
      <${Regions} totals=${totals} />
    </section>
    <${Changes} />
    <${Targets} totals=${totals} />
  `;
}
