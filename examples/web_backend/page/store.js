// When the page is drawn, what is busy, and where the focus goes if what had it is gone.

import { render } from "./parts/index.js";

const busy = new Set();
let place;
let view;
let failed;
let waiting = false;
let cost = 0; // milliseconds of the last drawing

// `make()` returns the whole page; `cannot()` is called if that cannot be drawn, and then it is made once more.
export function start(node, make, cannot) {
  place = node;
  view = make;
  failed = cannot;
  changed();
}

// Asks for a drawing: at most one per frame of the screen, and fewer of them the longer they take, so that a flood of
// events leaves time for the reader.
export function changed() {
  if (waiting || !view) return;
  waiting = true;
  setTimeout(() => requestAnimationFrame(draw), Math.min(500, cost * 4));
}

export function draw() {
  waiting = false;
  const active = document.activeElement;
  const section = active?.closest("section")?.id;
  const began = performance.now();
  try {
    render(view(), place);
  } catch (error) {
    console.warn("This view cannot be shown:", error);
    // Into a new place: from what is half drawn the library cannot go on.
    const fresh = place.cloneNode(false);
    place.replaceWith(fresh);
    place = fresh;
    failed();
    render(view(), place);
  }
  cost = performance.now() - began;
  if (active && active !== document.body && !(active.isConnected && active.checkVisibility())) focusOn(section);
}

// Puts the focus on the heading of a section, or of the view; or on what the view has asked for.
export function focusOn(section) {
  const field = wanted && document.getElementById(wanted.id);
  if (field) {
    field.focus();
    if (wanted.place !== undefined) field.setSelectionRange(wanted.place, wanted.place);
    return;
  }
  const heading =
    (section && document.getElementById(section)?.querySelector("h2")) ?? document.querySelector("main h2");
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus();
}

// A view that was arrived at may want the focus in one of its fields, for what is missing there. `place`: in its text.
let wanted = null;
export function wantFocus(id, place) {
  wanted = { id, place };
}

export function focusOnArrival(section) {
  // What was arrived at may not have been drawn yet, if that takes long.
  draw();
  focusOn(section);
  wanted = null;
}

export function focusOnWanted() {
  if (wanted) focusOnArrival();
}

// What is said when an answer arrives late, and its view is not shown any more: `{ text, href }`.
export let notice = null;
export function notify(found) {
  notice = found;
  if (found) announce(found.text);
  changed();
}

export const isBusy = (name) => busy.has(name);

// Runs what a button does, once at a time. `name` says what it does, and to what.
export async function once(name, work) {
  if (busy.has(name)) return;
  busy.add(name);
  changed();
  try {
    await work();
  } finally {
    busy.delete(name);
    changed();
  }
}

// Says something to screen readers, after a pause in which it may be replaced.
let saying;
export function announce(text) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    document.getElementById("announcement").textContent = text;
  }, 400);
}

// What was typed survives a reload, in this tab only.
export function recall(name, otherwise) {
  try {
    return { ...otherwise, ...JSON.parse(sessionStorage.getItem(name)) };
  } catch {
    return { ...otherwise };
  }
}

export function remember(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // The storage is full or forbidden; then a reload loses it.
  }
}
