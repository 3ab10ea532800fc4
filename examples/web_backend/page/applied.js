// What a job of this tab was started for, and what of it is done: that leaves the form.

import { asSent, edit, form, idsOf, linesOf } from "./form.js";
import { recall, remember } from "./store.js";

// The lines of the accounts that a job of this tab has done leave the form, unless that is another one by now; the
// others stay, to be corrected or planned again, in the same regions. Those of a plan that is done are not those of the
// next one.
export function settle({ id, data, rows }) {
  const applied = recall("applied", { id: null, accounts: [], bad: [], form: null });
  if (applied.id !== id) return;
  remember("applied", {});
  if (applied.form !== asSent()) return;
  const failed = failedAccounts(rows);
  const isKnownOf = data.State === "done" || rows.length > 0;
  const done = new Set(isKnownOf ? applied.accounts.filter((account) => !failed.has(account)) : []);
  const lines = linesOf(form.csv);
  const wanted = new Set(applied.accounts.filter((account) => !done.has(account)));
  const has = (line, accounts) => idsOf(line).some((account) => accounts.has(account));
  // A heading and comments have no account, and are no lines with errors: they stay with the lines that need them.
  const isLeft = lines.map((line, index) => has(line, wanted) || (applied.bad.includes(index + 1) && !has(line, done)));
  const leftLines = lines.filter((_, index) => isLeft[index]);
  const kept = lines.filter((line, index) => leftLines.length && line.trim() && (isLeft[index] || !idsOf(line).length));
  edit({ csv: kept.join("\n"), off: leftLines.length || !done.size ? form.off : [], leftLines });
}

const failedAccounts = (rows) => new Set(rows.filter((one) => one.Problem).map((one) => one.AccountId));

// How many of the accounts in the form the job has not done, as far as that is known.
export function notDone({ id, rows, gone }) {
  const applied = recall("applied", { id: null, accounts: [] });
  const wanted = gone ? new Set(applied.id === id ? applied.accounts : []) : failedAccounts(rows);
  return new Set(
    linesOf(form.csv)
      .flatMap(idsOf)
      .filter((account) => wanted.has(account)),
  ).size;
}
