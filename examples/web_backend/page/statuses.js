// The words and the colours for what the service says, and their order: problems first.

import { textOf } from "./records.js";

export const STATUSES = [
  ["ENABLED", "Enabled"],
  ["INVITED", "Invited"],
  ["VERIFICATION_IN_PROGRESS", "Verifying"],
  ["VERIFICATION_FAILED", "Verification failed"],
  ["ACCEPTED_BUT_DISABLED", "Disabled"],
];
const KNOWN = new Set(STATUSES.map(([status]) => status));
// A status that AWS may add later.
const OTHER = ["OTHER", "Other"];
export const ALL = [...STATUSES, OTHER];

const WORDS = new Map(ALL);
const KINDS = new Map([
  ["ENABLED", "good"],
  ["INVITED", "wait"],
  ["VERIFICATION_IN_PROGRESS", "wait"],
  ["VERIFICATION_FAILED", "bad"],
  ["ACCEPTED_BUT_DISABLED", "bad"],
]);
const URGENCY = ["VERIFICATION_FAILED", "ACCEPTED_BUT_DISABLED", "VERIFICATION_IN_PROGRESS", "INVITED"];

// The label of a status; an unknown status is its own label, and null means that the account is not a member.
export const inWords = (status) => (status == null ? "not a member" : (WORDS.get(status) ?? textOf(status)));
export const kindOf = (status) => KINDS.get(status) ?? "plain";
// The rank by urgency: problems first, and what AWS may add later before what is well.
export const urgency = (status) => (status === "ENABLED" ? 9 : (URGENCY.indexOf(status) + 5) % 5);

export const none = () => Object.fromEntries(ALL.map(([status]) => [status, 0]));

export function add(sum, counts) {
  for (const [status, some] of Object.entries(counts)) sum[KNOWN.has(status) ? status : "OTHER"] += some;
  return sum;
}

export const total = (counts) => Object.values(counts).reduce((sum, one) => sum + one, 0);

// The cells of the coverage matrix: state -> its sign, its label, and its kind. The sign tells them apart without
// colours.
export const STATES = new Map([
  ["on", ["✓", "on", "good"]],
  ["off", ["!", "off", "bad"]],
  ["unseen", ["–", "unseen", "wait"]],
  ["failed", ["✕", "could not be checked", "bad"]],
  ["not asked", ["…", "not asked yet", "plain"]],
]);

// Whether a state is known, and no data: what is not known is no gap.
export const isGap = (state) => state === "off" || state === "unseen";

export const SEVERITIES = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL"];
export const severityRank = (severity) =>
  SEVERITIES.includes(severity) ? SEVERITIES.indexOf(severity) : SEVERITIES.length;
