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
const trouble = new Map(); // cause -> why it could not be asked again

// `ask(cause)`: how the group is asked again, if not everywhere.
// `kind`: what was asked; `reload()` opens its stream again, and may return a promise.
export function Failures({ id, kind, failures, reload, changed, ask = (cause) => askAgain(kind, cause) }) {
  const again = async (cause) => {
    trouble.delete(cause);
    try {
      await ask(cause);
      await reload();
    } catch (error) {
      if (!error.problem) throw error;
      trouble.set(cause, error.problem);
    }
  };
  return html`<ul class="groups" id=${id}>
    ${byCause(failures).map(({ cause, first, targets, accounts, regions }) => {
      const toggle = (event) => {
        if (event.target.open) opened.add(cause);
        else opened.delete(cause);
        changed();
      };
      return html`<li key=${cause}>
        <div class="group">
          <p><strong class="badge" data-kind="bad">${cause}</strong> ${some(accounts.size, "account")} in ${some(
            regions.size,
            "region",
          )}: ${inFull(first)}</p>
          <${Button} name=${`ask ${kind} ${cause}`} run=${() => again(cause)} label="Ask these again"
            working="Asking again" aria-label=${`Ask these again: ${cause}`} />
        </div>
        ${trouble.has(cause) && html`<p role="alert">${inFull(trouble.get(cause))}</p>`}
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
