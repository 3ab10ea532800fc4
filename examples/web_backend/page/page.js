// Starts the page, and shows the view that the address names.

import * as account from "./account.js";
import { address, digitsOf, follow, go, isAccount, link } from "./address.js";
import * as coverage from "./coverage.js";
import { anyLoading, loadSettings, settings, settingsRetry } from "./data.js";
import * as fleet from "./fleet.js";
import * as investigations from "./investigations.js";
import * as members from "./members.js";
import * as onboarding from "./onboarding.js";
import { anyFile } from "./download.js";
import { html } from "./parts/index.js";
import { changed, focusOnWanted, notice, notify, start } from "./store.js";
import { Problem } from "./ui.js";

const VIEWS = new Map([
  ["fleet", [fleet, fleet.Fleet]],
  ["coverage", [coverage, coverage.Coverage]],
  ["members", [members, members.Members]],
  ["investigations", [investigations, investigations.Investigations]],
  ["onboarding", [onboarding, onboarding.Onboarding]],
  ["account", [account, account.Account]],
]);
const LINKS = [
  ["fleet", "Fleet"],
  ["coverage", "Coverage"],
  ["members", "Members"],
  ["investigations", "Investigations"],
  ["onboarding", "Onboarding"],
];

// An account id leads to the account, and a part of one to all that have it.
function find(event) {
  event.preventDefault();
  const text = digitsOf(new FormData(event.target).get("find"));
  if (!text) return;
  event.target.reset();
  if (isAccount(text)) go("account", [text]);
  else go("coverage", [], { find: text });
}

let entered = null; // the view
function arrive() {
  if (address.view !== entered) {
    VIEWS.get(entered)?.[0].leave?.();
    broken = null;
    // The server may have been started again with other regions and accounts.
    if (settings.known) loadSettings({ quiet: true });
  }
  entered = address.view;
  if (notice?.href === location.hash) notify(null);
  if (settings.known) VIEWS.get(address.view)?.[0].show(address.ids);
  else if (settings.problem) loadAll();
}

async function loadAll() {
  await loadSettings();
  if (!settings.known) return;
  arrive();
  // A form that the address has filled in wants the focus where something is missing.
  changed();
  setTimeout(focusOnWanted, 50);
}

function askForSettings() {
  settings.problem = null;
  changed();
  loadAll();
}

let broken = null; // the view that cannot be drawn, such as with a row that nobody has foreseen
const BROKEN = { title: "This view cannot be shown", detail: "the page cannot work with what the server has sent" };

const Broken = () => html`<section aria-labelledby="broken-title" id="broken">
  <h2 id="broken-title">${address.title}</h2>
  <${Problem} id="broken-alert" problem=${BROKEN} retry=${() => location.reload()} label="Reload this page" />
</section>`;

// The second click of a double click means what was there at the first one, and nothing that has taken its place.
let clicked = null;
function ignoreStrayClick(event) {
  if (event.detail < 2 || event.target === clicked) {
    clicked = event.target;
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
}

function View() {
  if (!settings.known) {
    return html`<section aria-labelledby="wait-title" id="wait">
      <h2 id="wait-title">${address.title}</h2>
      <p>${settings.problem ? "The accounts and regions are not known." : "Not answered yet."}</p>
    </section>`;
  }
  const view = VIEWS.get(address.view)?.[1];
  if (view) return html`<${view} />`;
  return html`<section aria-labelledby="unknown-title" id="unknown"><h2 id="unknown-title">Not found</h2>
    <p>This address names nothing on this page: an id in it is malformed, or incomplete. <a
      href=${link("fleet")}>To the fleet</a></p></section>`;
}

const Page = () => html`
  <a class="skip" href="#main">Skip to the content</a>
  <header>
    <h1>Detective</h1>
    <nav aria-label="Views">${LINKS.map(
      ([view, title]) =>
        html`<a key=${view} href=${link(view)} aria-current=${address.view === view ? "page" : null}>${title}</a>`,
    )}</nav>
    <form role="search" onSubmit=${find}>
      <label class="hidden" for="find">Find an account</label>
      <input id="find" name="find" type="search" autocomplete="off" placeholder="Account id" size="16" />
      <button type="submit">Find</button>
    </form>
  </header>
  <main id="main" tabindex="-1">
    <${Problem} id="alert" problem=${settings.problem} retry=${settings.problem && askForSettings} />
    <p role="status" id="notice">${
      notice &&
      html`${notice.text} <a href=${notice.href}>${notice.label}</a> <button type="button"
        onClick=${() => notify(null)}>Dismiss</button>`
    }</p>
    <${broken === address.view ? Broken : View} key=${address.view} />
  </main>
`;

follow(arrive);
window.addEventListener("click", ignoreStrayClick, { capture: true });
const failed = () => {
  broken = address.view;
};
start(document.getElementById("page"), () => html`<${Page} />`, failed);
loadAll();
// What has not been answered for a while says so.
setInterval(() => {
  if (anyLoading() || account.isLoading() || onboarding.isLoading() || anyFile()) changed();
  if (settings.known) VIEWS.get(address.view)?.[0].tryAgain();
  else if (settingsRetry.isDue()) loadAll();
}, 1000);
