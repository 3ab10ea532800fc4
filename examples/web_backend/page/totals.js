// The numbers of the fleet: how many memberships, and how many accounts of each kind, there are in each region.

import { fleet, settings } from "./data.js";
import { ALL, STATUSES, add, none } from "./statuses.js";
import { html } from "./parts/index.js";
import { timestamp } from "./ui.js";

export const failed = () => fleet.rows.filter((target) => target.Error);

// Whether it had no graph when it was last read: a failure does not take that away either.
export const isEmpty = (target) => target.GraphArn === null;

// How many accounts there are of each kind, and their memberships, in each region.
export function totalsOf() {
  const fresh = (region) => [
    region,
    { region, counts: none(), answered: 0, empty: 0, failed: 0, stale: null, pending: settings.Accounts.length },
  ];
  const totals = new Map(settings.Regions.map(fresh));
  for (const target of fleet.rows) {
    if (!totals.has(target.Region)) totals.set(...fresh(target.Region));
    const one = totals.get(target.Region);
    one.pending -= 1;
    if (target.Error) one.failed += 1;
    if (isEmpty(target)) one.empty += 1;
    if (target.Counts) {
      add(one.counts, target.Counts);
      one.answered += 1;
      if (fleet.isOld(target) && (!one.stale || target.time < one.stale)) one.stale = target.time;
    }
  }
  return totals;
}

// The same of all regions together.
export function sumOf(totals) {
  const sum = { region: "All", counts: none(), answered: 0, empty: 0, failed: 0, stale: null, pending: 0 };
  for (const one of totals.values()) {
    add(sum.counts, one.counts);
    for (const name of ["answered", "empty", "failed", "pending"]) sum[name] += one[name];
    if (one.stale && (!sum.stale || one.stale < sum.stale)) sum.stale = one.stale;
  }
  return sum;
}

export const shownStatuses = (totals) => ([...totals.values()].some((one) => one.counts.OTHER) ? ALL : STATUSES);

// Old numbers are dimmed, and say how old they are.
export const dimmed = (content, since) =>
  since ? html`<span class="old" title=${`as of ${timestamp(since)} UTC`}>${content}</span>` : content;
