// The form of the onboarding: what was typed, which a reload of this tab does not lose, and what it means.

import { adjust, digitsOf, isAccount } from "./address.js";
import { members, settings } from "./data.js";
import { draw, recall, remember, wantFocus } from "./store.js";

// `off`: the regions that are not wanted, so that a new region is. `leftLines`: the lines that a job has left.
const EMPTY = { administrator: "", off: [], csv: "", leftLines: [] };
export const form = recall("onboarding", EMPTY);
export let earlier = recall("onboarding-earlier", { forms: [] }).forms; // typed before links filled in the form
let edited = () => {};

export const regionsOf = () => settings.Regions.filter((region) => !form.off.includes(region));
// Nobody is preselected, since a wrong choice invites accounts into a wrong graph.
export const administratorOf = () =>
  settings.Accounts.includes(form.administrator)
    ? form.administrator
    : settings.Accounts.length === 1
      ? settings.Accounts[0]
      : "";
export const asSent = () => JSON.stringify([administratorOf(), regionsOf(), form.csv]);

// `call(before)` is called after each edit, with the form as it would have been sent before.
export const whenEdited = (call) => {
  edited = call;
};

export function edit(changes) {
  const before = asSent();
  Object.assign(form, changes);
  // Those of a list that was replaced are of no interest.
  if (!changes.leftLines) form.leftLines = form.leftLines.filter((line) => linesOf(form.csv).includes(line));
  remember("onboarding", form);
  edited(before);
  // At once: the browser checks what is in the form when it is sent.
  draw();
}

// From the page of an account: the form is for it alone, with its e-mail address if the page has it. What was typed
// before is put aside.
export function prefill({ accounts, regions = "", administrator = "" }) {
  const emails = new Map(
    members.rows.filter((one) => one.EmailAddress).map((one) => [one.AccountId, one.EmailAddress]),
  );
  const csv = accounts
    .split(",")
    .map(digitsOf)
    .filter(isAccount)
    .map((id) => `${id},${emails.get(id) ?? ""}`)
    .join("\n");
  adjust({ accounts: null, regions: null, administrator: null });
  if (!csv) return;
  // Only what was typed, and not what another link has filled in.
  if (form.csv.trim() && ![csv, form.prefilled].includes(form.csv.trim())) putAside([...earlier, { ...form }]);
  const wanted = regions.split(",").filter((region) => settings.Regions.includes(region));
  const off = wanted.length ? settings.Regions.filter((region) => !wanted.includes(region)) : [];
  edit({ csv, prefilled: csv, off, administrator: settings.Accounts.includes(administrator) ? administrator : "" });
  const missing = csv.search(/,$/m);
  if (!administratorOf()) wantFocus("plan-administrator");
  else if (missing >= 0) wantFocus("plan-csv", missing + 1);
  else wantFocus("plan-make");
}

function putAside(found) {
  earlier = found;
  remember("onboarding-earlier", { forms: earlier });
}

export function putBack() {
  const found = earlier.at(-1);
  putAside(earlier.slice(0, -1));
  edit(found);
  document.getElementById("plan-csv").focus();
}

export const linesOf = (csv) => csv.split(/\r\n|\r|\n/);
// The server takes other separators, quotes and another order of columns, too; a heading may name a column with the ids
// of other accounts.
export const idsOf = (line) =>
  line
    .replace(/["']/g, "")
    .split(/[,;\t]/)
    .map(digitsOf)
    .filter(isAccount);
export const lineCount = (csv) => linesOf(csv).filter((line) => line.trim()).length;
