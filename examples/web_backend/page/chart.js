// Stacked bars: one for each region, with a part for each status. The table below has the same numbers for screen
// readers. The colours differ in brightness too, so that colour-blind people can tell them apart.

import { ALL, total } from "./statuses.js";
import { count, element, find } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const ROW = 52; // pixels of label and bar
const BAR = 24;
const LABEL = 18;

const chart = find("chart");
let latest = new Map();

function make(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function prepare(regions) {
  chart.replaceChildren();
  regions.forEach((region, index) => {
    const row = make("g", { transform: `translate(0 ${index * ROW})`, "data-region": region });
    const name = make("text", { class: "label", x: 0, y: LABEL - 5 });
    name.textContent = region;
    row.append(name, make("text", { class: "sum", "text-anchor": "end", y: LABEL - 5 }));
    row.append(make("rect", { class: "background", y: LABEL, height: BAR, rx: 3 }));
    for (const [status, word] of ALL) {
      const part = make("rect", { "data-status": status, y: LABEL, height: BAR });
      part.append(make("title", {}));
      part.dataset.word = word;
      row.append(part);
    }
    chart.append(row);
  });
  chart.setAttribute("height", regions.length * ROW);
}

// `totals`: region -> status -> number of members.
export function draw(totals) {
  latest = totals;
  const width = chart.clientWidth;
  if (!width) return;
  if (chart.childElementCount !== totals.size) prepare([...totals.keys()]);
  chart.setAttribute("viewBox", `0 0 ${width} ${totals.size * ROW}`);
  const most = Math.max(1, ...[...totals.values()].map(total));
  for (const row of chart.children) {
    const counts = totals.get(row.dataset.region);
    const sum = row.querySelector(".sum");
    sum.setAttribute("x", width);
    sum.textContent = count(total(counts));
    row.querySelector(".background").setAttribute("width", width);
    let before = 0;
    for (const part of row.querySelectorAll("[data-status]")) {
      const value = counts[part.dataset.status];
      part.setAttribute("x", (before / most) * width);
      part.setAttribute("width", (value / most) * width);
      part.dataset.count = value;
      part.firstChild.textContent = `${row.dataset.region}, ${part.dataset.word}: ${count(value)}`;
      before += value;
    }
  }
}

// The bar of one account in one region; `most` members fill it. It is hidden from screen readers, since the numbers are
// in the other cells of the row.
export function bar(counts, most) {
  const made = make("svg", { class: "strip", "aria-hidden": "true", viewBox: `0 0 ${most} 1`, preserveAspectRatio: "none" });
  let before = 0;
  for (const [status] of ALL) {
    made.append(make("rect", { "data-status": status, x: before, width: counts[status], height: 1 }));
    before += counts[status];
  }
  return made;
}

export function legend(statuses) {
  find("legend").replaceChildren(
    ...statuses.map(([status, word]) => {
      const entry = element("span", word);
      entry.prepend(element("i", "", { "data-status": status }));
      return entry;
    }),
  );
}

new ResizeObserver(() => draw(latest)).observe(chart.parentElement);
