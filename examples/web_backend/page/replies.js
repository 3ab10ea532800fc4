// The server's documents and events as the page works with them: what records.js is for rows.

import {
  cellOf,
  failureOf,
  listOf,
  mapOf,
  memberOf,
  numberIn,
  problemOf,
  textIn,
  whole,
  withNumbers,
  withTexts,
} from "./records.js";

const ifThere = (value, read, otherwise) => (value == null ? otherwise : read(value));
const textsOf = (value) => listOf(value, textIn);

export function settingsOf(reply) {
  const { Accounts, Regions, Names, Example, Limits } = whole(reply);
  return {
    ...reply,
    Accounts: textsOf(Accounts),
    Regions: textsOf(Regions),
    Names: ifThere(Names, (names) => mapOf(names, textIn), {}),
    Example: ifThere(Example, textIn, null),
    Limits: ifThere(Limits, (limits) => mapOf(limits, numberIn), {}),
  };
}

const changeOf = (one) => withTexts({ ...whole(one, "AccountId", "Region", "MemberId") }, ["Time", "Before", "After"]);

export function changesOf(reply) {
  const { Changes, NotSeen } = whole(reply);
  const found = {
    ...reply,
    Changes: listOf(Changes, changeOf),
    NotSeen: ifThere(NotSeen, (numbers) => mapOf(numbers, numberIn), null),
  };
  return withNumbers(withTexts(found, ["Since", "AsOf"]), ["Left"]);
}

const silentOf = (one) => ({ Count: numberIn(whole(one).Count), AccountIds: textsOf(one.AccountIds) });

const causeOf = (one) => ({
  ...whole(one, "Cause"),
  Accounts: numberIn(one.Accounts),
  Regions: textsOf(one.Regions),
  First: failureOf(one.First),
});

export function accountOf(reply) {
  const { Coverage, Memberships, Failures, Causes, Unread, Silent, Changes } = whole(reply);
  return {
    ...reply,
    Coverage: listOf(Coverage, cellOf),
    Memberships: listOf(Memberships, memberOf),
    Failures: listOf(Failures ?? [], (one) => failureOf(one.Failure ? one : { ...one, Failure: one })),
    Causes: listOf(Causes ?? [], causeOf),
    Unread: mapOf(Unread ?? {}, textsOf),
    Silent: mapOf(Silent ?? {}, silentOf),
    Changes: listOf(Changes ?? [], changeOf),
  };
}

export const indicatorsOf = (page) => ({ ...whole(page), Indicators: listOf(page.Indicators, whole) });

export const startedOf = (reply) => whole(reply, "InvestigationId");

const ITEM = ["Kind", "Region", "AccountId", "Reason", "Detail", "Problem", "Note"];
const itemOf = (one) => withNumbers(withTexts({ ...whole(one) }, ITEM), ["Line"]);

export function planOf(reply) {
  const { AccountIds, Regions, Lines, Actions, Problems, Notes } = whole(reply, "PlanId", "AdministratorId");
  const found = {
    ...reply,
    AccountIds: ifThere(AccountIds, textsOf, null),
    Regions: ifThere(Regions, textsOf, null),
    Lines: listOf(Lines, itemOf),
    Actions: listOf(Actions, itemOf),
    Problems: listOf(Problems, itemOf),
    Notes: listOf(Notes, itemOf),
  };
  return withTexts(found, ["CreatedTime", "JobId", "Text"]);
}

// What an event says of a job is a part of this.
export function jobOf(reply) {
  const { Regions, Error: error } = whole(reply);
  const found = { ...reply, Regions: listOf(Regions ?? [], itemOf), Error: ifThere(error, problemOf, null) };
  withNumbers(found, ["Done", "Failed", "Changed", "Total"]);
  return withTexts(found, ["JobId", "AdministratorId", "StartedTime", "State", "Summary"]);
}

export const startedJobOf = (reply) => jobOf(whole(reply, "JobId"));

export const jobsOf = (reply) => listOf(whole(reply).Jobs, startedJobOf);

export const jobRowsOf = (rows) =>
  listOf(rows, (row) =>
    withTexts({ ...whole(row, "AccountId", "Region"), Done: textsOf(row.Done) }, [
      "Before",
      "After",
      "Problem",
      "Reason",
    ]),
  );

// The survey of the fleet, and what it says of one account and region.
export const surveyOf = (event) => ({ ...whole(event, "SurveyId"), Total: numberIn(event.Total) });

export function targetOf(event) {
  const { Error: error, Counts } = whole(event, "AccountId", "Region");
  const found = {
    ...event,
    Error: ifThere(error, problemOf, null),
    Counts: ifThere(Counts, (counts) => mapOf(counts, numberIn), null),
  };
  return withTexts(found, ["GraphArn", "Outcome", "Time"]);
}
