// Members by account: status, reason, since when, and how much data; found by any part of an id.

import { adjust, adjustSort, address, choiceOf, digitsOf, link, sortOf } from "./address.js";
import { finder, isPart } from "./coverage.js";
import { fleet, graphs, members, nameOf, personal, settings, showPersonal } from "./data.js";
import { Failures } from "./failures.js";
import { html } from "./parts/index.js";
import { Table } from "./parts/table.js";
import { NOT_KNOWN, isMap, textOf } from "./records.js";
import { STATUSES, inWords, kindOf, urgency } from "./statuses.js";
import { announce, changed } from "./store.js";
import {
  AsOf,
  Badge,
  Exports,
  Filter,
  Find,
  Freshness,
  Problem,
  RefreshButton,
  Select,
  ageClass,
  count,
  isKnown,
  some,
  timestamp,
} from "./ui.js";

export function show() {
  members.enter(fleet);
  graphs.enter();
}

export function leave() {
  members.leave();
  graphs.leave();
}

export function tryAgain() {
  members.tryAgain();
  graphs.tryAgain();
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];

const isVolume = (bytes) => Number.isFinite(bytes) && bytes >= 0;

function volume(bytes) {
  if (!isVolume(bytes)) return textOf(bytes) ?? "";
  const power = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power ? 1 : 0)} ${UNITS[power]}`;
}

const words = (text) => text.replaceAll("_", " ").toLowerCase();

const PACKAGES = new Map([
  ["DETECTIVE_CORE", "core"],
  ["EKS_AUDIT", "EKS audit logs"],
  ["ASFF_SECURITYHUB_FINDING", "Security Hub findings"],
]);

// The packages that deliver data, and what is the matter with the others.
function packages(states) {
  if (!isMap(states)) return textOf(states) ?? "";
  const state = (one) => (one === "STARTED" ? "" : ` (${words(textOf(one) || NOT_KNOWN)})`);
  return Object.entries(states)
    .map(([name, one]) => `${PACKAGES.get(name) ?? words(name)}${state(one)}`)
    .sort()
    .join(", ");
}

// The service gives a reason for one status only; those of the others are in their definitions.
const REASONS = new Map([
  ["VERIFICATION_FAILED", "the e-mail address is not the account's"],
  ["VERIFICATION_IN_PROGRESS", "the e-mail address is being checked"],
  ["INVITED", "not accepted yet"],
]);

const reasonOf = ({ Status, DisabledReason }) => (DisabledReason ? words(DisabledReason) : (REASONS.get(Status) ?? ""));

// It may break after the @, rather than in a word.
const emailOf = ({ EmailAddress: email }) =>
  email && html`${email.slice(0, email.indexOf("@") + 1)}<wbr />${email.slice(email.indexOf("@") + 1)}`;

const ifShown = (column) => (personal.shown ? [column] : []);

// What is wrong, why and since when comes first, so that a narrow screen shows it without scrolling sideways.
export const memberColumns = () => [
  {
    key: "account",
    label: "Account",
    value: (one) => one.AccountId,
    cell: (one) => html`<a href=${link("account", [one.AccountId])}>${one.AccountId}</a>`,
  },
  ...ifShown({ key: "name", label: "Name", short: true, value: (one) => nameOf(one.AccountId) }),
  {
    key: "status",
    label: "Status",
    value: (one) => urgency(one.Status),
    cell: (one) => html`<${Badge} kind=${kindOf(one.Status)}>${inWords(one.Status)}<//><${AsOf} since=${one.stale} />`,
  },
  { key: "reason", label: "Reason", wide: true, value: reasonOf },
  {
    key: "since",
    label: "Since (UTC)",
    time: true,
    value: (one) => one.UpdatedTime || one.InvitedTime,
    cell: (one) => timestamp(one.UpdatedTime || one.InvitedTime),
  },
  { key: "region", label: "Region", value: (one) => one.Region },
  {
    key: "administrator",
    label: "Administrator",
    value: (one) => one.Administrator,
    cell: (one) => html`<a href=${link("account", [one.Administrator])}>${one.Administrator}</a>`,
  },
  ...ifShown({ key: "email", label: "E-mail", wide: true, value: (one) => one.EmailAddress, cell: emailOf }),
  {
    key: "volume",
    label: "Data a day",
    number: true,
    value: (one) => (isVolume(one.VolumeUsageInBytes) ? one.VolumeUsageInBytes : null),
    cell: (one) => volume(one.VolumeUsageInBytes),
  },
  {
    key: "invited",
    label: "Invited (UTC)",
    time: true,
    value: (one) => one.InvitedTime,
    cell: (one) => timestamp(one.InvitedTime),
  },
  { key: "packages", label: "Packages", wide: true, value: (one) => packages(one.DatasourcePackageIngestStates) },
];

export const memberKey = (one) => `${one.Administrator} ${one.Region} ${one.AccountId}`;

let filtered = { key: null };

function togglePersonal() {
  // What is hidden is not left in the address: neither a name that was looked for, nor the order by its column.
  const { find = "", sort = "" } = address.query;
  if (personal.shown && !isPart(digitsOf(find))) adjust({ find: "" });
  if (personal.shown && ["name", "email"].includes(sort.replace(/^-/, ""))) adjust({ sort: "" });
  showPersonal(!personal.shown);
}

export function Members() {
  const { find = "" } = address.query;
  const [status, region] = [choiceOf("status", STATUSES), choiceOf("region", settings.Regions)];
  // Not dropped if it is none: all members would pass for those of one administrator.
  const administrator = digitsOf(address.query.administrator ?? "");
  const administrators = [...new Set([...settings.Accounts, ...(administrator ? [administrator] : [])])];
  const isNone = settings.known && administrators.length > settings.Accounts.length;
  const part = digitsOf(find);
  const key = JSON.stringify([part, status, region, administrator]);
  const { rows } = members;
  const isUnread = members.failures.some(
    (one) => one.AccountId === administrator && (!region || one.Region === region),
  );
  // Why there is no number to say.
  const doubt = (found) =>
    isNone
      ? `There is no administrator ${administrator} here.`
      : isUnread && found.length === 0
        ? `Not known: administrator ${administrator} could not be read.`
        : null;
  if (filtered.from !== rows || filtered.key !== key) {
    const has = finder(part);
    const found = rows.filter(
      (one) =>
        has(one.AccountId, personal.shown ? one.EmailAddress : null) &&
        (!status || one.Status === status) &&
        (!region || one.Region === region) &&
        (!administrator || one.Administrator === administrator),
    );
    if (filtered.key !== null && filtered.key !== key) {
      announce(doubt(found) ?? `${count(found.length)} of ${some(rows.length, "membership")}`);
    }
    filtered = { from: rows, key, rows: found, accounts: new Set(found.map((one) => one.AccountId)).size };
  }
  const allMembers = `all members${status || region || administrator ? " of this filter" : ""}`;
  const accounts = some(filtered.accounts, "account");
  const number = `${count(filtered.rows.length)} of ${some(rows.length, "membership")}, ${accounts}`;
  const shown = doubt(filtered.rows) ?? `${number}${members.time ? "" : ", so far"}`;
  const columns = memberColumns();
  const sort = sortOf("status", columns);
  const exported = {
    member: isPart(part) ? part : "",
    status,
    region,
    account_id: administrator,
    sort: `${sort.down ? "-" : ""}${sort.by}`,
  };
  return html`
    <section aria-labelledby="members-title" id="members">
      <div class="bar">
        <h2 id="members-title">Members</h2>
        <${Freshness} id="members-freshness" of=${members} />
        <button type="button" id="members-personal"
          onClick=${togglePersonal}>${personal.shown ? "Hide" : "Show"} names and e-mail addresses</button>
        <${RefreshButton} id="members-refresh" busy=${members.loading} run=${() => members.load({ fresh: true })} />
      </div>
      <${Problem} id="members-alert" problem=${members.problem} retry=${() => members.load()} />
      ${
        members.failures.length > 0 &&
        html`<h3>Could not be checked</h3><${Failures} id="members-failures"
        kind="members" failures=${members.failures} reload=${() => members.load()} changed=${changed} />`
      }
      <form class="filter" onSubmit=${(event) => event.preventDefault()}>
        <${Find} id="members-find" label=${personal.shown ? "Account, name or e-mail" : "Account"}
          text=${personal.shown} value=${find} />
        <${Filter} id="members-status" label="Status"><${Select} id="members-status" value=${status} any="any"
          choices=${STATUSES} change=${(value) => adjust({ status: value })} /><//>
        <${Filter} id="members-region" label="Region"><${Select} id="members-region" value=${region} any="any"
          choices=${settings.Regions} change=${(value) => adjust({ region: value })} /><//>
        <${Filter} id="members-administrator" label="Administrator"><${Select} id="members-administrator"
          value=${administrator} any="any" choices=${administrators}
          change=${(value) => adjust({ administrator: value })} /><//>
      </form>
      ${(isKnown(members) || isNone) && html`<p class="quiet" id="members-shown">${shown}</p>`}
      <${Table} id="members-table" caption="Memberships, problems first" rows=${filtered.rows} rowKey=${memberKey}
        view=${key} columns=${columns}
        rowClass=${(one) => ageClass(one, members.phase)} sort=${sort}
        onSort=${adjustSort} />
      <${Exports} kind="members" failed=${members.failures.length} rows=${isNone ? 0 : undefined}
        query=${exported}>${isPart(part) ? "these" : allMembers}<//>
    </section>
    <${Graphs} has=${finder(part)} region=${region} administrator=${administrator} view=${key} />
  `;
}

const unread = ({ Problems }, name) =>
  `could not be read${Problems?.[name]?.title ? `: ${textOf(Problems[name].title)}` : ""}`;
const AUTO = new Map([
  [true, "yes"],
  [false, "no"],
]);

// By administrator and region, whatever the order in which they have answered; the filters above are for them too.
function Graphs({ has, region, administrator, view }) {
  const rows = graphs.rows.filter(
    (one) =>
      has(one.AccountId) && (!region || one.Region === region) && (!administrator || one.AccountId === administrator),
  );
  const columns = [
    {
      key: "account",
      label: "Administrator",
      value: (one) => `${one.AccountId} ${one.Region}`,
      cell: (one) => html`<a href=${link("account", [one.AccountId])}>${one.AccountId}</a>`,
    },
    {
      key: "region",
      label: "Region",
      value: (one) => one.Region,
      cell: (one) => html`${one.Region}<${AsOf} since=${one.stale} />`,
    },
    {
      key: "packages",
      label: "Data source packages",
      wide: true,
      value: (one) => (one.Packages ? packages(one.Packages) : unread(one, "Packages")),
    },
    {
      key: "auto",
      label: "New accounts join by themselves",
      wide: true,
      value: (one) =>
        one.AutoEnable == null
          ? one.Problems?.AutoEnable
            ? unread(one, "AutoEnable")
            : "no: not the graph of an organization"
          : (AUTO.get(one.AutoEnable) ?? (textOf(one.AutoEnable) || NOT_KNOWN)),
    },
    { key: "created", label: "Created (UTC)", value: (one) => timestamp(one.CreatedTime) },
  ];
  return html`<section aria-labelledby="graphs-title" id="graphs">
    <div class="bar">
      <h2 id="graphs-title">Graphs: packages and auto-enable</h2>
      <${Freshness} id="graphs-freshness" of=${graphs} />
      <${RefreshButton} id="graphs-refresh" busy=${graphs.loading} run=${() => graphs.load({ fresh: true })} />
    </div>
    <${Problem} id="graphs-alert" problem=${graphs.problem} retry=${() => graphs.load()} />
    ${
      graphs.failures.length > 0 &&
      html`<h3>Could not be checked</h3><${Failures} id="graphs-failures" kind="graphs" failures=${graphs.failures}
        reload=${() => graphs.load()} changed=${changed} />`
    }
    ${
      graphs.time &&
      graphs.failures.length === 0 &&
      rows.length === 0 &&
      html`<p>${graphs.rows.length ? "No graph of these accounts and regions." : "There is no graph."}</p>`
    }
    <${Table} id="graphs-table" caption="Graphs, their packages, and whether new accounts join" rows=${rows}
      view=${view} filters="the filters of the members above, which are for these too"
      sort=${{ by: "account", down: false }} rowKey=${(one) => one.Arn ?? `${one.AccountId} ${one.Region}`}
      columns=${columns} rowClass=${(one) => ageClass(one, graphs.phase)} />
  </section>`;
}
