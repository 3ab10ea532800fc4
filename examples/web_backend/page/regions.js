// The table of memberships by status and region, with how many accounts have no graph, failed, or have not answered.

import { noNumber } from "./chart.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { total } from "./statuses.js";
import { dimmed, shownStatuses, sumOf } from "./totals.js";
import { Badge, count } from "./ui.js";

export function Regions({ totals }) {
  // No answer is not 0.
  const number = (one, value) =>
    one.answered ? dimmed(count(value), one.stale) : html`<span class="unknown">${noNumber(one)}</span>`;
  const column = (key, label, cell) => ({ key, label, number: true, cell });
  const columns = [
    { key: "region", label: "Region", value: (one) => one.region },
    ...shownStatuses(totals).map(([status, word]) => column(status, word, (one) => number(one, one.counts[status]))),
    column("all", "Memberships", (one) => number(one, total(one.counts))),
    column("empty", "No graph", (one) => one.empty > 0 && dimmed(html`<${Badge}>${count(one.empty)}<//>`, one.stale)),
    column("failed", "Failed", (one) => one.failed > 0 && html`<${Badge} kind="bad">${count(one.failed)}<//>`),
    column(
      "pending",
      "Not answered yet",
      (one) => one.pending > 0 && html`<span class="unknown">${count(one.pending)}</span>`,
    ),
  ];
  return html`<${Table} id="regions" caption="Memberships by status and region; the last columns count accounts"
    rows=${[...totals.values()]} rowKey=${(one) => one.region}
    columns=${columns} foot=${sumOf(totals)} />`;
}
