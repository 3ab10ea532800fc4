// The form that starts an investigation.

import { go, link, placeNow } from "./address.js";
import { call, path } from "./api.js";
import { investigations, settings } from "./data.js";
import { html } from "./parts/index.js";
import { startedOf } from "./replies.js";
import { changed, isBusy, notify, once, recall, remember } from "./store.js";
import { Field, Problem, Select, inWordsOf, submit, timestamp } from "./ui.js";

const HOUR = 3600000;
const minutes = (time) => new Date(time).toISOString().slice(0, 16);
const form = recall("start", {
  account: "",
  region: "",
  entity: "",
  from: minutes(Date.now() - 24 * HOUR),
  to: minutes(Date.now()),
  sent: null, // the latest order whose outcome is not known to be good, with its token
  doubt: null, // the problem of that order, if it is not known whether it was carried out
});
const LABELS = new Map([
  ["EntityArn", "ARN of the user or role"],
  ["ScopeStartTime", "From (UTC)"],
  ["ScopeEndTime", "To (UTC)"],
]);
// With the order that it is about. A doubt survives a reload.
let startProblem = form.doubt && about(form.sent, form.doubt);

function edit(changes) {
  Object.assign(form, changes);
  remember("start", form);
  changed();
}

// Nothing is chosen in advance where there is a choice: it would start in a graph that nobody has meant.
const chosen = (value, choices) => (choices.includes(value) ? value : choices.length === 1 ? choices[0] : "");
const accountOf = () => chosen(form.account, settings.Accounts);
const regionOf = () => chosen(form.region, settings.Regions);
const randomId = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// What the form asks for. The same one sent twice, such as after a lost answer, starts one investigation.
function orderOf() {
  const { from, to, sent } = form;
  const order = { account: accountOf(), region: regionOf(), entity: form.entity.trim(), from, to };
  const isSent = sent && Object.entries(order).every(([name, value]) => sent[name] === value);
  return isSent ? sent : { ...order, token: randomId() };
}

async function startInvestigation(order) {
  const { account, region, entity, from, to, token } = order;
  startProblem = null;
  Object.assign(form, { sent: order, doubt: null });
  remember("start", form);
  const place = placeNow();
  try {
    const body = { EntityArn: entity, ScopeStartTime: `${from}Z`, ScopeEndTime: `${to}Z`, ClientToken: token };
    const { InvestigationId: id } = await call(path`api/accounts/${account}/regions/${region}/investigations`, {
      method: "POST",
      body,
      read: startedOf,
    });
    // What was typed meanwhile stays.
    const isUnchanged = orderOf() === order;
    Object.assign(form, { sent: null, doubt: null });
    edit(isUnchanged ? { entity: "" } : {});
    investigations.load({ fresh: true });
    if (placeNow() === place) go("investigations", [account, region, id]);
    else {
      notify({
        text: "The investigation was started.",
        href: link("investigations", [account, region, id]),
        label: "Show it",
      });
    }
  } catch (error) {
    if (!error.problem) throw error;
    startProblem = about(order, inWordsOf(LABELS, error.problem));
    edit({ doubt: error.problem.outcome_unknown ? error.problem : null });
  }
}

// The form may be another one by the time that a doubt is read.
function about(order, problem) {
  if (!problem.outcome_unknown) return { ...problem, order };
  const scope = `${timestamp(order.from)} to ${timestamp(order.to)} UTC`;
  const title = `Starting ${order.entity} in ${order.region} of ${order.account}, ${scope}: ${problem.title}`;
  return { ...problem, title, order };
}

// The server answers the same token for ever as it has done once.
const startAnew = () => once("start", () => startInvestigation({ ...startProblem.order, token: randomId() }));

export function Start() {
  const working = isBusy("start");
  const input = (name) => (event) => edit({ [name]: event.target.value });
  return html`<details id="start-part" open=${form.open} onToggle=${(event) => {
    form.open = event.target.open;
    remember("start", form);
  }}>
    <summary>Start an investigation</summary>
    <form id="start-form" onSubmit=${submit("start", () => startInvestigation(orderOf()))}>
      <${Field} id="start-account" label="Administrator account, whose graph has the user or role">
        <${Select} id="start-account" value=${accountOf()} choices=${settings.Accounts}
        any=${settings.Accounts.length === 1 ? null : "Choose an administrator"}
        required=${true} change=${(value) => edit({ account: value })} />
      <//>
      <${Field} id="start-region" label="Region"><${Select} id="start-region" value=${regionOf()}
        choices=${settings.Regions} any=${settings.Regions.length === 1 ? null : "Choose a region"}
        required=${true} change=${(value) => edit({ region: value })} /><//>
      <${Field} id="start-entity" label=${LABELS.get("EntityArn")}><input id="start-entity" required
        autocomplete="off" spellcheck="false"
        placeholder=${`arn:aws:iam::${accountOf() || "123456789012"}:role/Admin`} value=${form.entity}
        onInput=${input("entity")} /><//>
      <${Field} id="start-from" label=${LABELS.get("ScopeStartTime")}><input id="start-from"
        type="datetime-local" required value=${form.from} onInput=${input("from")} /><//>
      <${Field} id="start-to" label=${LABELS.get("ScopeEndTime")}><input id="start-to"
        type="datetime-local" required value=${form.to} onInput=${input("to")} /><//>
      <p class="buttons"><button type="submit" class="main"
        aria-disabled=${working ? "true" : null}>${working ? "Starting" : "Start"}</button></p>
    </form>
    <${Problem} id="start-alert" problem=${startProblem} retry=${startProblem?.outcome_unknown && startAnew}
      label="It was not started: start it" />
  </details>`;
}
