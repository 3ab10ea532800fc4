// The server's records as the page shows them. What is of another type than the API promises becomes text, as it is: no
// view fails on it, and nothing is computed from it. What a row is named by, what is counted, and lists have to be what
// they should be: a reader throws an error otherwise, so that the whole reply cannot be read.

export const NOT_KNOWN = "not known";

// Null and undefined stay what they are.
export const textOf = (value) => (typeof value === "string" || value == null ? value : JSON.stringify(value));

export const isMap = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

const malformed = (what) => new TypeError(`malformed: ${what}`);

// The item, if it has the texts that the page cannot do without.
export function whole(item, ...names) {
  if (!isMap(item)) throw malformed("a record");
  for (const name of names) textIn(item[name]);
  return item;
}

export function textIn(value) {
  if (typeof value !== "string") throw malformed("a text");
  return value;
}

export function numberIn(value) {
  if (typeof value !== "number") throw malformed("a number");
  return value;
}

// A list or a map, each value of which is read.
export function listOf(value, read) {
  if (!Array.isArray(value)) throw malformed("a list");
  return value.map((one) => read(one));
}

export const mapOf = (value, read) =>
  Object.fromEntries(Object.entries(whole(value)).map(([name, one]) => [name, read(one)]));

// Changes the members of a record into texts.
export function withTexts(record, names) {
  for (const name of names) {
    if (typeof record[name] !== "string" && record[name] != null) record[name] = textOf(record[name]);
  }
  return record;
}

// Of these, nothing is shown that was computed from something else.
export function withNumbers(record, names) {
  for (const name of names) if (record[name] != null) numberIn(record[name]);
  return record;
}

const MEMBER = ["Status", "DisabledReason", "EmailAddress", "InvitedTime", "UpdatedTime"];
const GRAPH = ["Arn", "CreatedTime"];
const INVESTIGATION = ["InvestigationId", "EntityArn", "GraphArn", "Severity", "Status", "State", "CreatedTime"];
const CELL = ["State", "Reason", "Cause", "AdministratorId", "Since"];
const PROBLEM = ["Outcome", "Cause", "code", "title", "detail", "parameter", "request_id"];

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

// What the server says of an error (RFC 9457).
export function problemOf(given) {
  const found = withTexts(isMap(given) ? { ...given } : { title: given }, PROBLEM);
  return { ...found, title: found.title || "Unknown" };
}

// The failure of an account and region.
export function failureOf(line) {
  return { ...line, Failure: problemOf(whole(line, "AccountId", "Region").Failure) };
}
