// How members may be doing, in the order in which they are shown, and in words.

export const STATUSES = [
  ["ENABLED", "Enabled"],
  ["INVITED", "Invited"],
  ["VERIFICATION_IN_PROGRESS", "Verifying"],
  ["VERIFICATION_FAILED", "Verification failed"],
  ["ACCEPTED_BUT_DISABLED", "Disabled"],
];
const KNOWN = new Set(STATUSES.map(([status]) => status));
// What AWS adds tomorrow is counted all the same.
const OTHER = ["OTHER", "Other"];
export const ALL = [...STATUSES, OTHER];

const WORDS = new Map(ALL);

// In words; what is not known is said as AWS says it, and null that it is no member.
export const inWords = (status) => (status === null ? "No member" : (WORDS.get(status) ?? status));

export const none = () => Object.fromEntries(ALL.map(([status]) => [status, 0]));

export function add(sum, counts, times = 1) {
  for (const [status, some] of Object.entries(counts)) sum[KNOWN.has(status) ? status : "OTHER"] += times * some;
  return sum;
}

export const total = (counts) => Object.values(counts).reduce((sum, one) => sum + one, 0);
