// The statuses of members, in the order of display, with their labels.

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

// The label of a status; an unknown status is its own label, and null means that the account is not a member.
export const inWords = (status) => (status === null ? "No member" : (WORDS.get(status) ?? status));

export const none = () => Object.fromEntries(ALL.map(([status]) => [status, 0]));

export function add(sum, counts) {
  for (const [status, some] of Object.entries(counts)) sum[KNOWN.has(status) ? status : "OTHER"] += some;
  return sum;
}

export const total = (counts) => Object.values(counts).reduce((sum, one) => sum + one, 0);
