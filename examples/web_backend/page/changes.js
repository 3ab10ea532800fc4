// What changed in the fleet since some time: the reader's own mark, or an hour or a day ago.

import { adjust, choiceOf, link } from "./address.js";
import { call } from "./api.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { changesOf } from "./replies.js";
import { inWords, kindOf } from "./statuses.js";
import { changed } from "./store.js";
import { Badge, Button, Filter, Select, count, some, timestamp } from "./ui.js";

const SEEN = "detective-changes-seen";
const HOUR = 3600 * 1000;
const SINCE = [
  ["", "I last marked it as seen"],
  ["1", "an hour ago"],
  ["24", "24 hours ago"],
];
const changes = { since: null, found: null, problem: null };

const sinceChoice = () => choiceOf("since", SINCE);
const ago = (hours) => new Date(Date.now() - hours * HOUR).toISOString();

// Only the reader knows what was seen: a reload has seen nothing. Null if nothing was marked.
function lastSeen() {
  let last = null;
  try {
    last = localStorage.getItem(SEEN);
  } catch {
    // Storage is forbidden.
  }
  return last && !Number.isNaN(Date.parse(last)) ? last : null;
}

const sinceOf = () => (sinceChoice() ? ago(Number(sinceChoice())) : (lastSeen() ?? ago(24)));

function markSeen() {
  // Not now: what the server noticed after it was asked is not on the page yet.
  try {
    localStorage.setItem(SEEN, changes.found.AsOf ?? new Date().toISOString());
  } catch {
    // Storage is forbidden: the page forgets it.
  }
  adjust({ since: "" });
  return readChanges();
}

export async function readChanges() {
  const since = (changes.since = sinceOf());
  try {
    const found = await call(`api/changes?since=${encodeURIComponent(since)}`, { read: changesOf });
    if (since !== changes.since) return;
    Object.assign(changes, { found, problem: null });
  } catch (error) {
    if (!error.problem) throw error;
    changes.problem = error.problem;
  }
  changed();
}

// Reads them again, unless they are those of the wanted time.
export const refreshChanges = () => sinceOf() !== changes.since && readChanges();

function chooseSince(since) {
  adjust({ since });
  readChanges();
}

export function Changes() {
  const { found, problem: trouble } = changes;
  const since = changes.since ?? sinceOf();
  // They are not gone: nothing is known of what changed there.
  const unseen = found?.NotSeen ?? { Accounts: 0, Regions: 0, Targets: 0 };
  const columns = [
    { key: "time", label: "Noticed (UTC)", value: (one) => one.Time, cell: (one) => timestamp(one.Time) },
    {
      key: "member",
      label: "Member",
      value: (one) => one.MemberId,
      cell: (one) => html`<a href=${link("account", [one.MemberId])}>${one.MemberId}</a>`,
    },
    { key: "administrator", label: "Administrator", value: (one) => one.AccountId },
    { key: "region", label: "Region", value: (one) => one.Region },
    { key: "before", label: "Before", value: (one) => inWords(one.Before) },
    {
      key: "after",
      label: "Now",
      value: (one) => inWords(one.After),
      cell: (one) => html`<${Badge} kind=${kindOf(one.After)}>${inWords(one.After)}<//>`,
    },
  ];
  return html`<section aria-labelledby="changes-title" id="changes">
    <h2 id="changes-title">What changed since ${timestamp(found?.Since > since ? found.Since : since)} UTC</h2>
    <form class="filter" onSubmit=${(event) => event.preventDefault()}>
      <${Filter} id="changes-since" label="Since"><${Select} id="changes-since" value=${sinceChoice()} choices=${SINCE}
        change=${chooseSince} /><//>
      ${found && html`<${Button} name="seen" id="changes-seen" run=${markSeen} label="Mark as seen" />`}
    </form>
    ${trouble && html`<p class="quiet">Could not be read: ${trouble.title}.</p>`}
    ${!found && !trouble && html`<p class="quiet">Not answered yet.</p>`}
    ${
      !sinceChoice() &&
      !lastSeen() &&
      html`<p class="quiet">You have marked nothing as seen yet: these are the changes of a day.</p>`
    }
    ${
      found &&
      !found.Complete &&
      found.Since > since &&
      html`<p class="quiet">The server's record begins only then.</p>`
    }
    ${
      found &&
      !found.Complete &&
      found.Since <= since &&
      !unseen.Targets &&
      html`<p
      class="quiet">Some accounts were read for the first time since then: what changed there before is not known.</p>`
    }
    ${
      unseen.Targets > 0 &&
      html`<p class="warning"
      id="changes-unseen">${some(unseen.Accounts, "administrator")} in ${some(unseen.Regions, "region")} were not read
        since then: what changed there is not known, and their members are not gone.</p>`
    }
    ${
      found?.Changes.length === 0 &&
      html`<p>${unseen.Targets > 0 ? "No other membership changed." : "No membership changed."}</p>`
    }
    ${
      found?.Changes.length > 0 &&
      html`<${Table} id="changes-table" caption="Memberships that changed, newest first" rows=${found.Changes}
        rowKey=${(one) => `${one.Time} ${one.AccountId} ${one.Region} ${one.MemberId}`} columns=${columns} />
      ${found.Left > 0 && html`<p class="quiet">And ${count(found.Left)} more.</p>`}`
    }
  </section>`;
}
