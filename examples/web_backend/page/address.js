// The fragment of the address has the whole state of a view: #view/id/id?name=value. It is input like any other, so
// every part is checked before it is used.

import { changed, focusOnArrival } from "./store.js";

const ACCOUNT = /^\d{12}$/;
const REGION = /^[a-z]{2,}(-[a-z]+)+-\d{1,2}$/;
const INVESTIGATION = /^\d{21}$/;
const RANDOM = /^[0-9a-f]{32}$/;

// View -> its title, and the forms of the ids that may follow.
const VIEWS = new Map([
  ["fleet", ["Fleet", []]],
  ["coverage", ["Coverage", []]],
  ["members", ["Members", []]],
  ["investigations", ["Investigations", [ACCOUNT, REGION, INVESTIGATION]]],
  ["onboarding", ["Onboarding", [RANDOM]]],
  ["account", ["Account", [ACCOUNT]]],
]);
const UNKNOWN = { view: "unknown", title: "Not found", ids: [], query: {} };

export let address = UNKNOWN;

// 4444-5555-6666, 4444 5555 6666 and 4444.5555.6666 are account ids too, also with the hyphens, the minus signs, the
// blanks and the invisible characters of texts from which they are copied; and what has an ARN is asked for by its
// account.
export function digitsOf(text) {
  const plain = text.replace(/[\s.\u2212\p{Pd}\p{Cf}]/gu, "");
  const [, owner] = /^arn:[^:]*:[^:]*:[^:]*:(\d{12}):/.exec(text.trim()) ?? [];
  return owner ?? (/^\d+$/.test(plain) ? plain : text.trim());
}
export const isRandom = (text) => RANDOM.test(text);
export const isAccount = (text) => ACCOUNT.test(text);

function parse(hash) {
  try {
    const [path, query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
    const [view, ...ids] = path.split("/").map(decodeURIComponent);
    const [title, forms] = VIEWS.get(view || "fleet") ?? [];
    if (view === "account") ids[0] = digitsOf(ids[0] ?? "");
    const complete = ids.length === 0 ? view !== "account" : ids.length === forms?.length;
    if (!title || !complete || !ids.every((id, place) => forms[place].test(id))) return UNKNOWN;
    return {
      view: view || "fleet",
      title,
      ids,
      query: Object.assign(Object.create(null), Object.fromEntries(new URLSearchParams(query))),
    };
  } catch {
    // A malformed escape, such as `%`.
    return UNKNOWN;
  }
}

// An e-mail address is personal, and the address of the page is seen and stored by others: it is left out.
export function link(view, ids = [], query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value != null && !`${value}`.includes("@"));
  const words = new URLSearchParams(given).toString();
  return `#${[view, ...ids].map(encodeURIComponent).join("/")}${words && `?${words}`}`;
}

// Where the reader is, whatever the filters: an answer that comes late may only change the address of its own place.
export const placeNow = () => [address.view, ...address.ids].join("/");

let carried = null; // the query of the view that is about to be shown

// With all of the query, also what the address does not show.
export function go(view, ids, query = {}) {
  const hash = link(view, ids, query);
  // Then there is no event.
  if (location.hash === hash) return adjust(query);
  carried = { hash, query };
  location.hash = hash;
}

// Changes parameters of the view without a new entry in the history, such as for each letter of a filter.
export function adjust(changes) {
  const query = { ...address.query, ...changes };
  history.replaceState(null, "", link(address.view, address.ids, query));
  const given = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  address = { ...address, query: Object.assign(Object.create(null), Object.fromEntries(given)) };
  changed();
}

// A choice of the address, if there is such a choice: values, or pairs of a value and its label. Otherwise any will do.
export const choiceOf = (name, choices) =>
  choices.some((one) => [one].flat()[0] === address.query[name]) ? address.query[name] : "";

// The order that the address asks for, if there is such a column.
export const sortOf = (otherwise, columns) => {
  const asked = address.query.sort ?? "";
  const text = columns.some((one) => one.key === asked.replace(/^-/, "")) ? asked : otherwise;
  return { by: text.replace(/^-/, ""), down: text.startsWith("-") };
};
export const adjustSort = ({ by, down }) => adjust({ sort: `${down ? "-" : ""}${by}` });

// `arrived` is called with every new address.
export function follow(arrived) {
  const arrive = (byUser) => {
    if (location.hash === "#main") {
      history.replaceState(null, "", link(address.view, address.ids, address.query));
      return document.getElementById("main").focus();
    }
    const before = address;
    address = parse(location.hash);
    if (carried?.hash === location.hash) Object.assign(address.query, carried.query);
    carried = null;
    document.title = `${address.title}${address.view === "account" ? ` ${address.ids[0]}` : ""}: Detective`;
    arrived(address, before);
    changed();
    // After the new view was drawn.
    if (byUser) {
      setTimeout(
        () =>
          requestAnimationFrame(() => requestAnimationFrame(() => focusOnArrival(address.ids.length ? "one" : null))),
        50,
      );
    }
  };
  window.addEventListener("hashchange", () => arrive(true));
  arrive(false);
}
