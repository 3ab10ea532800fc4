// What the pages take from the vendored libraries; `versions.json` has their versions, licences and checksums.
//
// `html` is a tagged template for elements: html`<p class=${name}>${text}</p>`. `render(html`...`, node)` shows them,
// and changes only what differs from the last time. Text is never markup. `Table` is a table for any number of rows.

import "./environment.js";
import htm from "./htm/htm.mjs";
import { h } from "./preact/preact.mjs";

export { Component, Fragment, createRef, h, render } from "./preact/preact.mjs";
export {
  Virtualizer,
  elementScroll,
  observeElementOffset,
  observeElementRect,
  observeWindowOffset,
  observeWindowRect,
  windowScroll,
} from "./virtual-core/index.js";

// An object where a text is expected, such as in a malformed response, is shown as JSON: Preact would leave its own
// text in the document for ever. What `h` returns has no constructor.
const shown = (child) =>
  Array.isArray(child) ? child.map(shown) : child?.constructor === Object ? JSON.stringify(child) : child;
export const html = htm.bind((type, properties, ...children) => h(type, properties, ...children.map(shown)));
