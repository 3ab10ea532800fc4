// Stacked bars: one for each region, with a part for each status. The table below has the same numbers for screen
// readers. The colours differ in brightness too, so that colour-blind people can tell them apart.

import { html } from "./parts/index.js";
import { ALL, total } from "./statuses.js";
import { count } from "./ui.js";

const ROW = 52; // pixels of label and bar
const BAR = 24;
const LABEL = 18;

export const Legend = ({ statuses }) => html`<div class="legend" aria-hidden="true">
  ${statuses.map(([status, word]) => html`<span key=${status}><i data-status=${status}></i>${word}</span>`)}
</div>`;

// Where nothing has answered, there is no number: none is not 0.
export const noNumber = ({ failed, pending }) => (failed && !pending ? "failed" : "not yet");

// `totals`: region -> `{ counts, answered, failed, pending, stale }`.
export function Chart({ totals }) {
  const most = Math.max(1, ...[...totals.values()].map((one) => total(one.counts)));
  return html`<svg id="chart" role="img" aria-labelledby="chart-title" aria-describedby="chart-text"
    height=${totals.size * ROW}>
    ${[...totals].map(([region, one], index) => {
      const { counts, answered, stale } = one;
      let before = 0;
      return html`<g key=${region} data-region=${region} transform=${`translate(0 ${index * ROW})`}>
        <text x="0" y=${LABEL - 5}>${region}</text>
        <text class=${stale ? "old" : ""} text-anchor="end" x="100%"
          y=${LABEL - 5}>${answered ? count(total(counts)) : noNumber(one)}</text>
        <rect class="background" y=${LABEL} width="100%" height=${BAR} rx="3" />
        ${ALL.map(([status, word]) => {
          const start = before;
          before += counts[status];
          return html`<rect key=${status} data-status=${status} data-count=${counts[status]} y=${LABEL} height=${BAR}
            x=${`${(start / most) * 100}%`} width=${`${(counts[status] / most) * 100}%`}>
            <title>${`${region}, ${word}: ${count(counts[status])}`}</title>
          </rect>`;
        })}
      </g>`;
    })}
  </svg>`;
}
