// Which view is shown, and how each begins.

import { ask } from "./api.js";
import { complain, find, focus } from "./dom.js";
import * as fleet from "./fleet.js";
import * as investigations from "./investigations.js";
import * as onboarding from "./onboarding.js";

const VIEWS = { fleet: "Fleet", onboarding: "Onboarding", investigations: "Investigations" };
const SHOW = { onboarding: onboarding.show, investigations: investigations.show };

// The address has the view, and after it what is shown there: #investigations/ACCOUNT/REGION/ID.
function follow(byHand) {
  const [first, ...rest] = location.hash.slice(1).split("/").map(decodeURIComponent);
  if (first === "main") return focus(find("main"));
  const view = first in VIEWS ? first : "fleet";
  for (const name of Object.keys(VIEWS)) find(name).hidden = name !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${VIEWS[view]}: Detective`;
  if (byHand && !rest.length) focus(find(`${view}-title`));
  SHOW[view]?.(rest, byHand);
}

async function begin() {
  try {
    const settings = await ask("api/settings");
    fleet.start(settings);
    onboarding.start(settings);
    investigations.start(settings);
  } catch (error) {
    if (!error.problem) throw error;
    return complain("alert", error.problem, begin);
  }
  follow(false);
  window.addEventListener("hashchange", () => follow(true));
}

begin();
