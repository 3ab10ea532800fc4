// What needs attention in the fleet: memberships with problems, regions without a graph, and what could not be checked.

import { adjust, link } from "./address.js";
import { fleet } from "./data.js";
import { Failures } from "./failures.js";
import { html } from "./parts/index.js";
import { failureOf } from "./records.js";
import { inWords } from "./statuses.js";
import { changed, focusOn } from "./store.js";
import { dimmed, failed, sumOf } from "./totals.js";
import { Badge, some } from "./ui.js";

function showEmpty() {
  adjust({ status: "empty", find: "", region: "" });
  focusOn("accounts");
}

export function Attention({ totals }) {
  const { counts, empty, ...sum } = sumOf(totals);
  const failures = failed().map((target) =>
    failureOf({ ...target, Failure: { Outcome: target.Outcome, ...target.Error } }),
  );
  const answered = sum.answered || sum.failed || empty;
  const statuses = ["VERIFICATION_FAILED", "ACCEPTED_BUT_DISABLED"].filter((status) => counts[status]);
  const isWell = fleet.phase === "ready" && !failures.length && !statuses.length && !empty;
  return html`<section aria-labelledby="attention-title" id="attention">
    <h2 id="attention-title">What needs attention</h2>
    ${!answered && html`<p class="quiet">Not answered yet.</p>`}
    ${isWell && html`<p>Nothing that this survey can see.</p>`}
    <ul class="groups">
      ${statuses.map(
        (status) => html`<li key=${status} class="group"><p><${Badge}
          kind="bad">${inWords(status)}<//> ${dimmed(some(counts[status], "membership"), sum.stale)}</p>
        <a href=${link("members", [], { status, sort: "since" })}>Show which, and since when</a></li>`,
      )}
      ${
        empty > 0 &&
        html`<li key="empty"
          class="group"><p><${Badge}>No graph<//> ${dimmed(
            some(empty, "account and region", "accounts and regions"),
            sum.stale,
          )}</p>
        <button type="button" onClick=${showEmpty}>Show which</button></li>`
      }
    </ul>
    ${
      failures.length > 0 &&
      html`<h3 id="failures-title">Could not be checked</h3>
      <p class="quiet">The numbers below do not count these accounts and regions, or count what was known of them
        before.</p>
      <${Failures} id="failures" kind="members" failures=${failures} reload=${() => fleet.load()} changed=${changed} />`
    }
  </section>`;
}
