// Failures, grouped by cause: the key that expired fails for 400 accounts at once, and is one problem with one remedy.

import { askAgain } from "./data.js";
import { link } from "./address.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { Button, byCause, some } from "./ui.js";

const COLUMNS = [
  {
    key: "account",
    label: "Account",
    value: (one) => one.AccountId,
    cell: (one) => html`<a href=${link("account", [one.AccountId])}>${one.AccountId}</a>`,
  },
  { key: "region", label: "Region", value: (one) => one.Region },
  { key: "error", label: "Error", wide: true, value: (one) => one.Failure.detail || one.Failure.title },
  {
    key: "request",
    label: "Request id",
    value: (one) => one.Failure.request_id,
    cell: (one) => html`<code>${one.Failure.request_id ?? ""}</code>`,
  },
];
const inFull = ({ title, detail }) => `${title}${detail ? `: ${detail}` : ""}`;
const opened = new Set();
const trouble = new Map(); // the name of a button -> why these could not be asked again

// The cause is said in front of this, and AWS's messages often begin with it: then it is left out, and so is a title
// that says no more.
function besides(cause, { title, detail }) {
  const code = (text) => text.replace(/Exception$/, "");
  const [, begin, rest] = /^(\w+): (.+)$/s.exec(detail ?? "") ?? [];
  const message = begin && code(begin) === code(cause) ? rest : detail;
  return message && code(title) === code(cause) ? message : inFull({ title, detail: message });
}

// What one of several says is not true of all: it may name its own account.
const instance = (cause, { AccountId, Region, Failure }) =>
  `for instance, of ${AccountId} in ${Region}: ${besides(cause, Failure)}`;

const isSame = (targets) => targets.every(({ Failure }) => Failure.detail === targets[0].Failure.detail);

// `words`: what the failures say; `whose`: of which they are, if the page has another group of the same cause.
function Cause({ kind, cause, accounts, regions, words, whose = "", ask, reload }) {
  const name = `ask ${kind}${whose} ${cause}`;
  const again = async () => {
    trouble.delete(name);
    try {
      await ask(cause);
      await reload();
    } catch (error) {
      if (!error.problem) throw error;
      trouble.set(name, error.problem);
    }
  };
  return html`<div class="group">
      <p><strong class="badge" data-kind="bad">${cause}</strong> ${some(accounts, "account")} in ${some(
        regions,
        "region",
      )}: ${words}</p>
      <${Button} name=${name} run=${again} label="Ask these again" working="Asking again"
        aria-label=${`Ask these again: ${cause}${whose}`} />
    </div>
    ${trouble.has(name) && html`<p role="alert">${inFull(trouble.get(name))}</p>`}`;
}

// The same, where only the numbers are known. `ask(cause, regions)`.
export const OtherFailures = ({ id, kind, causes, ask, reload }) =>
  html`<ul class="groups" id=${id}>
    ${causes.map(
      ({ Cause: cause, Accounts: accounts, Regions: regions, First: first }) =>
        html`<li key=${cause}><${Cause} kind=${kind} cause=${cause} accounts=${accounts} regions=${regions.length}
          words=${accounts * regions.length > 1 ? instance(cause, first) : besides(cause, first.Failure)}
          whose=", of other administrators" ask=${() => ask(cause, regions)} reload=${reload} /></li>`,
    )}
  </ul>`;

// `ask(cause)`: how the group is asked again, if not everywhere.
// `kind`: what was asked; `reload()` opens its stream again, and may return a promise.
export function Failures({ id, kind, failures, reload, changed, ask = (cause) => askAgain(kind, cause) }) {
  return html`<ul class="groups" id=${id}>
    ${byCause(failures).map(({ cause, first, targets, accounts, regions }) => {
      const toggle = (event) => {
        if (event.target.open) opened.add(cause);
        else opened.delete(cause);
        changed();
      };
      return html`<li key=${cause}>
        <${Cause} kind=${kind} cause=${cause} accounts=${accounts.size} regions=${regions.size}
          words=${isSame(targets) ? besides(cause, first) : instance(cause, targets[0])} ask=${ask} reload=${reload} />
        <details open=${opened.has(cause)} onToggle=${toggle}>
          <summary>${some(targets.length, "account and region", "accounts and regions")}</summary>
          ${
            opened.has(cause) &&
            html`<${Table} id=${`${id}-${cause}`} caption=${`Failures: ${cause}`} rows=${targets}
              rowKey=${(one) => `${one.AccountId} ${one.Region}`} columns=${COLUMNS} />`
          }
        </details>
      </li>`;
    })}
  </ul>`;
}
