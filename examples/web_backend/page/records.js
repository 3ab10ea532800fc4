// The server's records as the page shows them. What is of another type than the API promises becomes text, as it is: no
// view fails on it, and nothing is computed from it. Only what a row is named by has to be what it should be.

import { Failure, MALFORMED } from "./api.js";

export const NOT_KNOWN = "not known";

// Null and undefined stay what they are.
export const textOf = (value) => (typeof value === "string" || value == null ? value : JSON.stringify(value));

export const isMap = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

// The item, if it has the texts that the page cannot do without: one that has not must not stop the whole page.
function whole(item, ...names) {
  if (!isMap(item) || names.some((name) => typeof item[name] !== "string")) throw new Failure(MALFORMED);
  return item;
}

// Changes the members of a record into texts.
function withTexts(record, names) {
  for (const name of names) {
    if (typeof record[name] !== "string" && record[name] != null) record[name] = textOf(record[name]);
  }
  return record;
}

const MEMBER = ["Status", "DisabledReason", "EmailAddress", "InvitedTime", "UpdatedTime"];
const GRAPH = ["Arn", "CreatedTime"];
const INVESTIGATION = ["InvestigationId", "EntityArn", "GraphArn", "Severity", "Status", "State", "CreatedTime"];
const CELL = ["State", "Reason", "Cause", "AdministratorId", "Since"];
const FAILURE = ["Outcome", "Cause", "code", "title", "detail", "request_id"];

// The row of a member in an administrator's graph: one without a status is a member all the same.
export function memberOf(line) {
  const { AccountId, Region, Member } = whole(line, "AccountId", "Region");
  const member = whole(Member, "AccountId");
  return withTexts({ ...member, Status: member.Status || NOT_KNOWN, Administrator: AccountId, Region }, MEMBER);
}

export function graphOf(line) {
  const { AccountId, Region, Graph } = whole(line, "AccountId", "Region");
  return withTexts({ ...whole(Graph), AccountId, Region }, GRAPH);
}

export const investigationOf = (item) => withTexts({ ...whole(item) }, INVESTIGATION);

export function investigationRow(line) {
  const { AccountId, Region, Investigation } = whole(line, "AccountId", "Region");
  return { ...investigationOf(Investigation), AccountId, Region };
}

export const cellOf = (line) =>
  withTexts({ ...whole(line, "AccountId", "Region"), State: line.State || NOT_KNOWN }, CELL);

// The failure of an account and region.
export function failureOf(line) {
  const given = whole(line, "AccountId", "Region").Failure;
  const found = withTexts(isMap(given) ? { ...given } : { title: given }, FAILURE);
  return { ...line, Failure: { ...found, title: found.title || "Unknown" } };
}
