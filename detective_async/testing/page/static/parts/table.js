// A table for any number of rows. It has only the rows in the document that are in sight, keyed, so that an update
// changes cells and never replaces them: a selection, the focus and what is under the pointer stay.
//
//   html`<${Table} id="members" caption="Members" rows=${rows} rowKey=${(row) => row.id} columns=${columns}
//     sort=${{ by: "name", down: false }} onSort=${(sort) => ...} />`
//
// `view`: the filter, in any form, if there is one: with another one, the rows are sorted anew even below the pointer.
// `filters`: which ones they are, if not those above the table.
// `foot`: a last row that is not sorted, such as a sum.
//
// A column: `{ key, label, value(row), cell(row)?, number?, wide?, short?, time? }`. `value` is what the rows are
// sorted by, and what is shown where there is no `cell`. `number` aligns right; `wide` is for text of any length,
// `short` for names, whose lines are shorter, and `time` for a date and an hour, which need not be on one line. Without
// `onSort` the rows stay in the order in which they come. Nothing is shown without rows: what that means is for the
// page to say.

import {
  Component,
  Virtualizer,
  createRef,
  elementScroll,
  html,
  observeElementOffset,
  observeElementRect,
  observeWindowOffset,
  observeWindowRect,
  windowScroll,
} from "./index.js";

const FEW = 60; // up to this many rows, all of them are in the document
const CELLS = 480; // and fewer, if there are many columns: what is drawn at once has a limit
const HEIGHT = 34; // pixels of a row before it was measured
const LINE = 24; // the same of a cell on a phone, where rows are cards
const QUIET = 10; // frames in which nothing moved, after which nothing will
const PHONE = "(max-width: 40rem)";
const order = new Intl.Collator("en", { numeric: true }).compare;
const number = new Intl.NumberFormat("en");

// null and undefined come last, in either direction.
function compareSimple(a, b, sign) {
  if (a == null || b == null) return (a == null) - (b == null);
  return a === b ? 0 : a < b ? -sign : sign;
}

function compare(a, b, sign) {
  if (a == null || b == null) return (a == null) - (b == null);
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * (a === b ? 0 : order(String(a), String(b)));
}

// Ids and times of one length have the same order as plain texts, which are compared many times faster.
const SIMPLE = /^[\d\-T:.Z ]+$/;

function areSimple(values) {
  const length = values.find(([value]) => value != null)?.[0].length;
  return values.every(
    ([value]) => value == null || (typeof value === "string" && value.length === length && SIMPLE.test(value)),
  );
}

function sorted(rows, columns, sort) {
  const column = sort && columns.find((one) => one.key === sort.by);
  if (!column) return rows;
  // The values are computed once for each row, and not for each comparison.
  const values = rows.map((row, index) => [column.value(row), index, row]);
  const ordered = areSimple(values) ? compareSimple : compare;
  return values.sort((a, b) => ordered(a[0], b[0], sort.down ? -1 : 1) || a[1] - b[1]).map(([, , row]) => row);
}

export class Table extends Component {
  box = createRef();
  body = createRef();
  end = createRef();
  phone = window.matchMedia(PHONE);
  rows = [];
  rowKeys = [];
  margin = 0; // pixels of the page above the rows
  printing = false;
  held = false; // the pointer or the focus is in the rows, so that they keep their order

  // Only where there are gaps: measuring corrects the scroll position, which the browser holds itself without them.
  measure = (node) => this.rows.length > this.few() && this.virtual?.measureElement(node);

  few() {
    return Math.min(FEW, Math.floor(CELLS / this.props.columns.length));
  }

  // On a phone the page scrolls, since a box that scrolls within a page that scrolls would catch the finger.
  scroller() {
    if (this.phone.matches) {
      return {
        getScrollElement: () => window,
        observeElementRect: observeWindowRect,
        observeElementOffset: observeWindowOffset,
        scrollToFn: windowScroll,
        initialOffset: () => window.scrollY,
        scrollMargin: this.margin,
      };
    }
    return {
      getScrollElement: () => this.box.current,
      observeElementRect,
      observeElementOffset,
      scrollToFn: elementScroll,
    };
  }

  options() {
    // Once, and not for each row.
    const height = this.phone.matches ? this.props.columns.length * LINE : HEIGHT;
    return {
      ...this.scroller(),
      count: this.rows.length,
      estimateSize: () => height,
      getItemKey: (index) => this.rowKeys[index],
      overscan: Math.min(8, Math.floor(this.few() / 7)),
      onChange: () => this.forceUpdate(),
      rangeExtractor: ({ startIndex, endIndex, overscan, count }) => {
        const shown = new Set();
        const last = Math.min(count - 1, endIndex + overscan);
        for (let index = Math.max(0, startIndex - overscan); index <= last; index += 1) shown.add(index);
        // A row that has the focus stays in the document when it is scrolled away: otherwise the focus would be lost.
        const focused = this.body.current?.contains(document.activeElement) && document.activeElement.closest("tr");
        if (focused && Number(focused.dataset.index) < count) shown.add(Number(focused.dataset.index));
        return [...shown].sort((a, b) => a - b);
      },
    };
  }

  // Anew for another scroller: the old one's position and sizes mean nothing there.
  attach = () => {
    this.unmount?.();
    this.virtual = new Virtualizer(this.options());
    this.unmount = this.virtual._didMount();
    this.virtual._willUpdate();
    this.forceUpdate();
  };

  componentDidMount() {
    this.attach();
    this.phone.addEventListener("change", this.attach);
    this.print = window.matchMedia("print");
    this.print.addEventListener("change", this.toPrint);
    window.addEventListener("beforeprint", this.beforePrint);
    window.addEventListener("afterprint", this.afterPrint);
    this.resized = new ResizeObserver(() => this.update());
    this.resized.observe(this.box.current);
    // What is above the table may become higher or lower.
    this.resized.observe(document.body);
    window.addEventListener("keydown", this.toEnds);
  }

  componentDidUpdate() {
    this.virtual._willUpdate();
    this.update();
  }

  componentWillUnmount() {
    this.unmount();
    this.resized.disconnect();
    window.removeEventListener("keydown", this.toEnds);
    this.phone.removeEventListener("change", this.attach);
    this.print.removeEventListener("change", this.toPrint);
    window.removeEventListener("beforeprint", this.beforePrint);
    window.removeEventListener("afterprint", this.afterPrint);
  }

  toPrint = ({ matches }) => this.setPrinting(matches);
  beforePrint = () => this.setPrinting(true);
  afterPrint = () => this.setPrinting(false);

  setPrinting(printing) {
    this.printing = printing;
    this.forceUpdate();
  }

  hold = () => {
    this.held = true;
  };

  release = () => {
    if (this.body.current?.contains(document.activeElement) || this.body.current?.matches(":hover")) return;
    this.held = false;
    this.forceUpdate();
  };

  // What gets the focus is shown whole, also where a part of it was in sight already.
  reveal = ({ target }) => target.scrollIntoView({ block: "nearest", inline: "nearest" });

  update() {
    this.updateFocusability();
    this.updateMargin();
  }

  updateMargin() {
    if (!this.phone.matches || !this.body.current) return;
    const margin = Math.round(this.body.current.getBoundingClientRect().top + window.scrollY);
    if (margin === this.margin) return;
    this.margin = margin;
    if (this.rows.length > this.few()) this.forceUpdate();
  }

  // A box that scrolls can be scrolled by keyboard too.
  updateFocusability() {
    const box = this.box.current;
    if (!box) return;
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
    else if (box !== document.activeElement) box.removeAttribute("tabindex");
  }

  // Sorts the rows again if that is allowed: not below the pointer, unless the reader has asked for another order.
  arrange() {
    const { rows, columns, sort, rowKey, view = "" } = this.props;
    const wanted = `${sort?.by} ${sort?.down} ${view}`;
    if (rows === this.given && wanted === this.wanted && (this.held || !this.stale)) return;
    let next = sorted(rows, columns, sort);
    this.stale = this.held && wanted === this.wanted;
    if (this.stale) {
      const places = new Map(this.rowKeys.map((key, index) => [key, index]));
      const place = (row) => places.get(rowKey(row)) ?? Infinity;
      next = next.map((row) => [place(row), row]).sort((a, b) => (a[0] === b[0] ? 0 : a[0] - b[0]));
      next = next.map(([, row]) => row);
    }
    this.given = rows;
    this.wanted = wanted;
    this.rows = next;
    this.rowKeys = next.map(rowKey);
  }

  heading({ key, label, number: isNumber, value }) {
    const { sort, onSort } = this.props;
    const sorts = onSort && value;
    const direction = sort?.by === key ? (sort.down ? "descending" : "ascending") : "none";
    const change = () => onSort({ by: key, down: sort?.by === key && !sort.down });
    return html`<th key=${key} scope="col" role="columnheader" class=${isNumber ? "number" : ""}
      aria-sort=${sorts ? direction : null}>
      ${sorts ? html`<button type="button" class="sort" onClick=${change}>${label}</button>` : label}
    </th>`;
  }

  row(row, index) {
    const { columns, rowKey, rowClass } = this.props;
    const cells = columns.map(({ key, label, value, cell, number: isNumber, wide, short, time }, place) => {
      const found = cell ? cell(row) : value(row);
      const content = typeof found === "number" ? number.format(found) : found;
      const names = isNumber ? "number" : wide ? "wide" : short ? "short" : time ? "time" : "";
      return place
        ? html`<td key=${key} role="cell" class=${names} data-label=${label}>${content}</td>`
        : html`<th key=${key} scope="row" role="rowheader" class=${names} data-label=${label}>${content}</th>`;
    });
    return html`<tr key=${rowKey(row)} role="row" class=${rowClass?.(row) ?? ""} data-index=${index}
      aria-rowindex=${index + 2} ref=${row === this.props.foot ? null : this.measure}>${cells}</tr>`;
  }

  // Rows are measured on the way, which moves the end and what is left to the top: either is reached when nothing has
  // moved for some frames. A reader who does something else meanwhile is not taken back.
  approach(go) {
    const reader = new AbortController();
    for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      window.addEventListener(name, () => reader.abort(), { signal: reader.signal, passive: true });
    }
    let quiet = 0;
    let before;
    const step = () => {
      const box = this.box.current;
      if (reader.signal.aborted || !box) return;
      go();
      const place = `${window.scrollY} ${document.documentElement.scrollHeight} ${box.scrollTop} ${box.scrollHeight}`;
      quiet = place === before && !this.virtual.isScrolling ? quiet + 1 : 0;
      before = place;
      if (quiet < QUIET) requestAnimationFrame(step);
      else reader.abort();
    };
    step();
  }

  skip = () => {
    this.end.current.focus({ preventScroll: true });
    this.approach(() => this.end.current.scrollIntoView({ block: "center" }));
  };

  // The browser's own way there is an animation, whose aim each correction moves.
  toEnds = ({ key, target }) => {
    if (!["Home", "End"].includes(key) || target.matches("input, select, textarea")) return;
    const scroller = this.phone.matches ? document.documentElement : this.box.current;
    if (this.rows.length <= this.few() || !scroller.contains(target)) return;
    this.approach(() => scroller.scrollTo({ top: key === "Home" ? 0 : scroller.scrollHeight }));
  };

  // Said where not all rows are in the document: the browser's own search finds only those. On a phone, what follows
  // is far below; elsewhere it is behind each link of the table for who has a keyboard only, and the button is shown to
  // nobody else.
  hint() {
    if (this.rows.length <= this.few() || this.printing) return null;
    const why = "only rows near the screen are in the page, so the browser's own search misses the others.";
    const { view, filters = "the filters" } = this.props;
    const text = view ? `To find a row, use ${filters}: ${why}` : `This table is long: ${why}`;
    const skip = html`<button type="button" onClick=${this.skip}
      aria-label=${`Skip this table: ${this.props.caption}`}>Skip this table</button>`;
    return html`<p class="quiet near">${text}</p><p class=${this.phone.matches ? "" : "skip-table"}>${skip}</p>`;
  }

  render({ id, caption, columns, foot }) {
    this.arrange();
    let content;
    if (this.rows.length <= this.few() || this.printing || !this.virtual) {
      content = (this.printing ? this.rows : this.rows.slice(0, this.few())).map((row, index) => this.row(row, index));
    } else {
      this.virtual.setOptions(this.options());
      const gap = (height, key) =>
        html`<tr key=${key} class="gap" role="presentation" aria-hidden="true"><td colspan=${columns.length}
          style=${{ height: `${height}px` }}></td></tr>`;
      content = [];
      const top = this.virtual.options.scrollMargin;
      let end = top;
      for (const item of this.virtual.getVirtualItems()) {
        if (item.start > end) content.push(gap(item.start - end, `before ${item.index}`));
        content.push(this.row(this.rows[item.index], item.index));
        end = item.end;
      }
      const below = top + this.virtual.getTotalSize() - end;
      if (below > 0) content.push(gap(below, "end"));
    }
    return html`${this.hint()}<div class=${foot ? "box" : "box tall"} hidden=${this.rows.length === 0} ref=${this.box}
      role="group" aria-label=${caption}>
      <table id=${id} role="table" onFocusIn=${this.reveal} aria-rowcount=${this.rows.length + (foot ? 2 : 1)}>
        <caption>${caption}</caption>
        <thead role="rowgroup"><tr role="row" aria-rowindex="1">${columns.map((one) => this.heading(one))}</tr></thead>
        <tbody role="rowgroup" ref=${this.body} onPointerEnter=${this.hold} onPointerLeave=${this.release}
          onFocusIn=${this.hold} onFocusOut=${() => setTimeout(this.release)}>${content}</tbody>
        ${foot && html`<tfoot role="rowgroup">${this.row(foot, this.rows.length)}</tfoot>`}
      </table>
    </div><div ref=${this.end} tabindex="-1"></div>`;
  }
}
