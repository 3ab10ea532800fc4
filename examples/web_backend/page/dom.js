// Functions that change the document. Content from the server is inserted as text, never as markup.

const number = new Intl.NumberFormat("en");

export const find = (id) => document.getElementById(id);
export const count = (value) => number.format(value);

// An ISO 8601 time in UTC, in a form for people, still in UTC.
export const timestamp = (time) => (time ? `${time.slice(0, 10)} ${time.slice(11, 19)}` : "");

export function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Text of up to this many characters is not wrapped.
const SHORT = 24;

// A table row whose first cell is its heading. A cell is text, a number, or a node.
export function row(cells) {
  const made = document.createElement("tr");
  cells.forEach((content, index) => {
    const cell = index ? element("td") : element("th", undefined, { scope: "row" });
    if (typeof content === "number") {
      cell.className = "number";
      cell.textContent = count(content);
    } else {
      cell.append(content ?? "");
      cell.className = cell.textContent.length <= SHORT ? "short" : "words";
    }
    made.append(cell);
  });
  return made;
}

export function headings(names) {
  const made = document.createElement("tr");
  made.append(...names.map((name) => element("th", name, { scope: "col" })));
  return made;
}

export function badge(text, kind = "plain") {
  return element("span", text, { class: "badge", "data-kind": kind });
}

export function options(select, values) {
  select.append(...values.map((value) => element("option", value)));
}

export function focus(node) {
  node.tabIndex = -1;
  node.focus();
}

// Makes a box focusable for the keyboard if it scrolls.
export function updateFocusability(box) {
  const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
  const caption = box.querySelector("caption");
  if (scrolls) {
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    if (caption) box.setAttribute("aria-label", caption.textContent);
  } else if (box !== document.activeElement) {
    for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
  }
}

// Shows a problem in its alert, with a button that calls `retry`; null clears the alert.
export function showProblem(id, problem, retry) {
  const place = find(id);
  const shown = JSON.stringify(problem);
  // Screen readers would read an alert again if its content were replaced.
  if (place.dataset.shown === shown) return;
  place.dataset.shown = shown;
  place.replaceChildren();
  if (problem === null) return;
  const words = element("p");
  words.append(element("strong", problem.title), problem.detail ? `: ${problem.detail}` : "");
  place.append(words);
  const facts = [problem.code, problem.parameter, problem.request_id && `request id ${problem.request_id}`];
  if (facts.some(Boolean)) place.append(element("p", facts.filter(Boolean).join(", "), { class: "quiet" }));
  if (problem.outcome_unknown) {
    place.append(element("p", "AWS may have carried out the request nevertheless. Check before you repeat it."));
  }
  if (retry) {
    const button = element("button", "Try again", { type: "button" });
    button.addEventListener("click", () => {
      showProblem(id, null);
      // The focus was on the button, which has been removed.
      focus(place.closest("section")?.querySelector("h2") ?? find("main"));
      retry();
    });
    place.append(button);
  }
}
