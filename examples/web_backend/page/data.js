// What the views share: the settings, and the streams of rows.

import { call, setLimits } from "./api.js";
import { Dataset } from "./dataset.js";
import { Overview } from "./overview.js";
import { cellOf, graphOf, investigationRow, memberOf } from "./records.js";
import { settingsOf } from "./replies.js";
import { Retry } from "./retry.js";
import { changed, recall, remember } from "./store.js";

export const settings = {
  Accounts: [],
  Regions: [],
  Names: {},
  Accepts: false,
  Example: null,
  known: false,
  problem: null,
};

export const settingsRetry = new Retry();
let asking = false;

// The problem stays until there is an answer, since this is repeated in the background.
// `quiet`: what is known will do if there is none.
export async function loadSettings({ quiet = false } = {}) {
  if (asking) return;
  asking = true;
  try {
    const found = await call(`api/settings${personal.shown ? "?names=true" : ""}`, { read: settingsOf });
    Object.assign(settings, found, { known: true, problem: null });
    setLimits(settings.Limits);
    settingsRetry.succeeded();
  } catch (error) {
    if (!error.problem) throw error;
    if (!quiet) {
      settings.problem = error.problem;
      settingsRetry.failed();
    }
  } finally {
    asking = false;
  }
  changed();
}

// Names and e-mail addresses are shown if the reader asks for them.
export const personal = recall("personal", { shown: false });

export function showPersonal(shown) {
  personal.shown = shown;
  // Also from rows that stay because the next answer is a failure.
  if (!shown) members.show(new Map([...members.shown].map(([name, { EmailAddress, ...row }]) => [name, row])));
  remember("personal", personal);
  if (shown) loadSettings();
  else settings.Names = {};
  members.load();
}

export const nameOf = (account) =>
  personal.shown && Object.hasOwn(settings.Names ?? {}, account) ? settings.Names[account] : "";

// Old results do well enough for the first look: what is shown says how old it is, and "Refresh" asks AWS.
const ages = (fresh) => `max_age=${fresh ? 0 : 3600}`;

const owner = (row) => `${row.Administrator ?? row.AccountId} ${row.Region}`;

export const coverage = new Dataset({
  address: (fresh) => `api/coverage?${ages(fresh)}`,
  read: cellOf,
  key: (row) => `${row.AccountId} ${row.Region}`,
  owner: (row) => `${row.AdministratorId ?? row.AccountId} ${row.Region}`,
  isUnknown: (row) => row.State === "failed",
});

export const members = new Dataset({
  address: (fresh) => `api/fleet/members?${ages(fresh)}${personal.shown ? "&emails=true" : ""}`,
  read: memberOf,
  key: (row) => `${row.Administrator} ${row.Region} ${row.AccountId}`,
  owner,
});

export const investigations = new Dataset({
  address: (fresh) => `api/fleet/investigations?${ages(fresh)}`,
  read: investigationRow,
  key: (row) => `${row.AccountId} ${row.Region} ${row.InvestigationId}`,
  owner,
});

export const graphs = new Dataset({
  address: (fresh) => `api/fleet/graphs?${ages(fresh)}`,
  read: graphOf,
  key: (row) => `${row.AccountId} ${row.Region}`,
  owner,
});

// From the same surveys as `members`.
export const fleet = new Overview({
  address: (fresh) => `api/fleet/overview?${ages(fresh)}`,
  key: (row) => `${row.AccountId} ${row.Region}`,
});

// After an onboarding: what is known of members is older than that.
export function outdate() {
  for (const one of [coverage, members, fleet, graphs, accounts]) one.outdated = true;
}

// The pages of single accounts, which have surveys of their own.
export const accounts = { outdated: false };

// What a file of a kind is about.
export const sourceOf = (kind) => ({ coverage, members, investigations })[kind];

export const anyLoading = () => [coverage, members, investigations, graphs, fleet].some((one) => one.loading);

// Asks the accounts and regions of one cause again; what is known of the others stays. Then the stream is opened again.
// `where`: the `AccountIds` or the `Regions`, if not all.
export async function askAgain(kind, cause, where = {}) {
  await call("api/fleet/retries", { method: "POST", body: { Kind: kind, Cause: cause, ...where } });
}
