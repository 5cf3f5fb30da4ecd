// Activities as they are sent and as they are answered, by the names of the contract.

import type { components, operations } from "./contract.js";

type Schemas = components["schemas"];
type Parameters = NonNullable<operations["list_activities"]["parameters"]["query"]>;
type SummaryParameters = operations["summarise_activities"]["parameters"]["query"];

/** An activity as somebody writes it; its key and its time may be absent. */
export type ActivityFields = Schemas["NewBatchActivity"];

/**
 * An activity to record.
 *
 * It has its idempotency key and its time from the beginning, so that every attempt to record
 * it is the same, and it is recorded once.
 */
export type NewActivity = ActivityFields & { idempotency_key: string; occurred_at: string };

/** An activity of the log; lists leave its details out. */
export type Activity = Schemas["Activity"];

/** An activity that is stored; that of a batch has no details. */
export type RecordedActivity = Schemas["RecordedActivity"];

/** What recording an activity gives. */
export interface Recorded {
  activity: RecordedActivity;
  /** Whether an earlier request with its key had stored it. */
  replayed: boolean;
}

/** A page of a list. */
export type Page = Schemas["ActivityPage"];

/** The parameters of a list; those that may be repeated are arrays. */
export type Query = Omit<Parameters, "cursor">;

/** The parameters of a summary. */
export type SummaryQuery = Omit<SummaryParameters, "cursor">;

/** Counts of a whole range. */
export interface Summary {
  groups: Schemas["SummaryGroup"][];
  /** With `recorded_from`: where the next count goes on. */
  recorded_to?: string;
}

/** The fields of a request for an export. */
export type NewExport = Schemas["NewExport"];

/** An export of a log. */
export type Export = Schemas["Export"];

/** What is wrong with a field. */
export type FieldError = Schemas["FieldError"];

/** An activity that happens now, with a key that no other one has, unless it has its own. */
export function newActivity(fields: ActivityFields): NewActivity {
  const { idempotency_key: key, occurred_at: time } = fields;
  if (key !== undefined && time === undefined) {
    // Each attempt would be another activity.
    throw new TypeError("an activity with an idempotency_key needs its occurred_at");
  }
  return {
    ...fields,
    idempotency_key: key ?? crypto.randomUUID(),
    occurred_at: time ?? new Date().toISOString(),
  };
}

/** An activity, if it can be sent again and stay the same one. */
export function checked(activity: NewActivity): NewActivity {
  if (!activity.idempotency_key || !activity.occurred_at) {
    throw new TypeError(
      "an activity needs its idempotency_key and its occurred_at: make it with newActivity",
    );
  }
  return activity;
}

/** An activity as JSON, without line feeds. */
export function activityJson(activity: NewActivity): string {
  return JSON.stringify(checked(activity));
}
