// What an account is in no graph of, as far as administrators have answered, and the links that onboard it.
//
// `known`: what the server knows of the account. `Silent` in it has the administrators that did not answer, by region:
// the account may be in their graphs. Those of a closed region are not in it.

import { link } from "./address.js";
import { settings } from "./data.js";
import { html } from "./parts/index.js";
import { isGap } from "./statuses.js";
import { count, some } from "./ui.js";

const silentIn = (known, region) => known?.Silent?.[region] ?? { Count: 0, AccountIds: [] };

export function withoutAnswer(known, region) {
  const { Count: all, AccountIds: ids } = silentIn(known, region);
  const more = all > ids.length ? ` and ${count(all - ids.length)} more` : "";
  return `${ids.join(", ")}${more} did not answer`;
}

// In a region where not all have answered, what those have said that did.
export function absence(known, region) {
  // An administrator that did not answer itself is most likely covered by its own graph.
  if (known.Failures?.some((one) => one.Region === region)) return null;
  const silent = silentIn(known, region).Count;
  const answered = settings.Accounts.length - silent;
  if (!silent || answered <= 0) return null;
  return `In no graph of the ${some(answered, "administrator")} that answered; ${withoutAnswer(known, region)}`;
}

// What is true of all regions is said once, and otherwise of which ones it is.
export function byRegion(reasons) {
  const groups = new Map();
  for (const [region, words] of reasons) groups.set(words, [...(groups.get(words) ?? []), region]);
  if (groups.size === 1) return groups.keys().next().value;
  return [...groups].map(([words, regions]) => `${regions.join(", ")}: ${words}`).join(". ");
}

// The regions of these cells that are gaps only as far as administrators have answered.
export const doubtful = (known, cells) =>
  cells.filter((cell) => isGap(cell.State) && silentIn(known, cell.Region).Count > 0).map((cell) => cell.Region);

// The regions where the account can be onboarded, by the administrator whose graph it is in already; null if it is in
// none. What is not known is no gap: a second graph would be a second bill.
function gapsByAdministrator(known, cells) {
  const groups = new Map();
  for (const region of settings.Regions) {
    const cell = cells.get(region);
    // An administrator is not a member of its own graph.
    if (!isGap(cell?.State) || cell.AdministratorId === known.AccountId) continue;
    const by = cell.State === "off" ? (cell.AdministratorId ?? null) : null;
    groups.set(by, [...(groups.get(by) ?? []), region]);
  }
  return [...groups];
}

const onboardLink = (id, regions, by = null, names = "") =>
  html`<a class=${names} href=${link("onboarding", [], {
    accounts: id,
    regions: regions.join(","),
    administrator: by,
  })}>Onboard this account in ${regions.join(", ")}${by && `, to the graph of ${by}`}</a>`;

// The main button is only for what is a gap without doubt.
export function Offers({ known, cells, isAbsent }) {
  const id = known.AccountId;
  const doubts = new Set(doubtful(known, [...cells.values()]));
  const gaps = gapsByAdministrator(known, cells);
  const pick = (isDoubtful) =>
    gaps
      .map(([by, regions]) => [by, regions.filter((one) => doubts.has(one) === isDoubtful)])
      .filter(([, regions]) => regions.length);
  // A plan of one that did not answer itself could only fail.
  const canAnswer = (by) => (region) => !silentIn(known, region).AccountIds.includes(by);
  const unsure = isAbsent
    ? [[null, settings.Regions]]
    : pick(true)
        .map(([by, regions]) => [by, regions.filter(canAnswer(by))])
        .filter(([, regions]) => regions.length);
  return html`${pick(false).map(
    ([by, regions]) => html`<p class="buttons" key=${by}>${onboardLink(id, regions, by, "main")}</p>`,
  )}
  ${
    unsure.length > 0 &&
    html`<div id="account-unsure">${unsure.map(
      ([by, regions]) => html`<p key=${by}>It may be covered already, in the graph of an administrator that did not
        answer. ${onboardLink(id, regions, by)} only if you know that it is not.</p>`,
    )}</div>`
  }`;
}
