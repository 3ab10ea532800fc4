// What a plan would change, and what it would leave as it is, in words.

import { count, some } from "./ui.js";

// What the actions are called, where the plan's word does not say what they do; and once they are done.
const WORDS = new Map([["reinvite", "remove and invite again"]]);
const DONE = new Map([
  ["remove", "removed"],
  ["reinvite", "removed and invited again"],
  ["invite", "invited"],
  ["enable member", "enabled"],
  ["accept", "accepted"],
  ["start monitoring", "enabling asked for"],
]);
export const kindInWords = (kind) => WORDS.get(kind) ?? kind;
export const doneInWords = (kind) => DONE.get(kind) ?? kindInWords(kind);

const NAMED = 12; // more accounts are not named, unless they are removed
const isRemoval = (action) => ["remove", "reinvite"].includes(action.Kind);

// The accounts of an administrator's plan: those whose memberships are removed come first, and are all named.
function named(accounts, actions) {
  const removed = new Set(actions.filter(isRemoval).map((one) => one.AccountId));
  const first = accounts.filter((one) => removed.has(one));
  const all = [...first, ...accounts.filter((one) => !removed.has(one))];
  const shown = Math.max(NAMED, first.length);
  return all.slice(0, shown).join(", ") + (all.length > shown ? ` and ${count(all.length - shown)} more` : "");
}

export const contentsOf = (accounts, regions, actions) =>
  accounts.length ? `${some(accounts.length, "account")}: ${named(accounts, actions)}, in ${regions.join(", ")}` : "";

// Accounts by the regions that they have in common. `most`: more are not named.
function placesOf(pairs, most = Infinity) {
  const regionsOf = new Map();
  for (const { AccountId, Region } of pairs) regionsOf.set(AccountId, [...(regionsOf.get(AccountId) ?? []), Region]);
  const groups = new Map();
  for (const [account, regions] of [...regionsOf].slice(0, most)) {
    const where = regions.join(", ");
    groups.set(where, [...(groups.get(where) ?? []), account]);
  }
  const words = [...groups].map(([where, accounts]) => `${accounts.join(", ")} in ${where}`).join("; ");
  return words + (regionsOf.size > most ? `; and ${some(regionsOf.size - most, "more account")}` : "");
}

function removals(actions, kind, end) {
  const found = actions.filter((one) => one.Kind === kind);
  const verb = found.length === 1 ? "is" : "are";
  return found.length > 0 && `${some(found.length, "membership")} ${verb} removed${end}: ${placesOf(found)}.`;
}

// What needs no action, and is no problem: such memberships are as wanted, or are on their way.
function there({ AdministratorId, Actions, Problems }, accounts, regions) {
  // A region that has a problem as a whole was not read.
  const unread = new Set(Problems.filter((one) => !one.AccountId).map((one) => one.Region));
  const known = new Set([...Actions, ...Problems].map((one) => `${one.AccountId} ${one.Region}`));
  // The administrator is no member of its own graph.
  return accounts
    .filter((account) => account !== AdministratorId)
    .flatMap((AccountId) => regions.map((Region) => ({ AccountId, Region })))
    .filter(({ AccountId, Region }) => !unread.has(Region) && !known.has(`${AccountId} ${Region}`));
}

export function thereInWords(plan, accounts, regions) {
  const found = there(plan, accounts, regions);
  const verb = found.length === 1 ? "is" : "are";
  const number = some(found.length, "membership");
  return found.length > 0 && `${number} ${verb} there already: ${placesOf(found, NAMED)}: nothing to do.`;
}

// The memberships that become active. AWS could not verify the address of some of them, which is sent again as it is.
function activations(actions) {
  const found = actions.filter((one) => ["accept", "enable member", "start monitoring"].includes(one.Kind));
  const place = (one) => `${one.AccountId} ${one.Region}`;
  const sameAgain = (one) => one.Kind === "reinvite" && one.Reason === "verification failed";
  const doubted = new Set(actions.filter(sameAgain).map(place));
  const doubts = found.filter((one) => doubted.has(place(one))).length;
  const which = doubts === found.length ? "" : ` ${count(doubts)} of them`;
  const only = doubts > 0 ? `,${which} only if AWS can verify the e-mail address this time` : "";
  const words = some(found.length, "membership becomes", "memberships become");
  const accepts = found.some((one) => one.Kind === "accept");
  const untried = accepts
    ? " An invitation is accepted with a role in the account, which was not tried: where it does not let this server " +
      "in, the membership stays invited."
    : "";
  return found.length > 0 && `${words} active${only}: the data of each is billed by volume.${untried}`;
}

// What cannot be taken back.
export function costs(actions) {
  const number = (...kinds) => actions.filter((one) => kinds.includes(one.Kind)).length;
  const [mails, graphs] = [number("invite", "reinvite"), number("create graph")];
  const packages = number("start packages");
  const each = mails === 1 ? "" : "for each of them, ";
  return [
    removals(actions, "remove", ""),
    removals(actions, "reinvite", " and invited again"),
    mails > 0 && `${some(mails, "invitation")}: ${each}the root user of the account gets an e-mail.`,
    activations(actions),
    packages > 0 && `${some(packages, "start")} of data source packages: each account pays for the new data by volume.`,
    graphs > 0 && `${some(graphs, "new graph")}: its members pay for their data once the free trial is over.`,
  ].filter(Boolean);
}
