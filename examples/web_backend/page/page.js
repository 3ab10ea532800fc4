// Starts the views, and shows the one that the address names.

import { call } from "./api.js";
import { find, focus, showProblem } from "./dom.js";
import * as fleet from "./fleet.js";
import * as investigations from "./investigations.js";
import * as onboarding from "./onboarding.js";

const VIEWS = { fleet: "Fleet", onboarding: "Onboarding", investigations: "Investigations" };
const SHOW = { onboarding: onboarding.show, investigations: investigations.show };

// The fragment of the address has the view and its parameters: #investigations/ACCOUNT/REGION/ID. `byUser`: whether the
// user followed a link, so that the focus has to move.
function showView(byUser) {
  const [first, ...rest] = location.hash.slice(1).split("/").map(decodeURIComponent);
  if (first === "main") return focus(find("main"));
  const view = first in VIEWS ? first : "fleet";
  for (const name of Object.keys(VIEWS)) find(name).hidden = name !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${VIEWS[view]}: Detective`;
  if (byUser && !rest.length) focus(find(`${view}-title`));
  SHOW[view]?.(rest);
}

async function start() {
  try {
    const settings = await call("api/settings");
    fleet.start(settings);
    onboarding.start(settings);
    investigations.start(settings);
  } catch (error) {
    if (!error.problem) throw error;
    return showProblem("alert", error.problem, start);
  }
  showView(false);
  window.addEventListener("hashchange", () => showView(true));
}

start();
