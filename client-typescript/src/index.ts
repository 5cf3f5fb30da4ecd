// A client of the partner activity log, for back ends that record and programs that read.
// It needs nothing of Node.js; the outbox and the files do, and have entries of their own.

export {
  type Activity,
  type ActivityFields,
  type Export,
  type FieldError,
  type NewActivity,
  newActivity,
  type NewExport,
  type Page,
  type Query,
  type Recorded,
  type RecordedActivity,
  type Summary,
  type SummaryQuery,
} from "./activity.js";
export { Batcher, type BatcherOptions } from "./batcher.js";
export { Client } from "./client.js";
export { Refused, Unavailable } from "./error.js";
export { DamagedError, type Download, type WaitOptions } from "./export.js";
export { Follower, type FollowOptions, type News } from "./follow.js";
export type { ClientOptions } from "./http.js";
export type { Retries } from "./retries.js";
export type { CallOptions } from "./time.js";
export {
  type ClientCredentials,
  clientCredentials,
  type IssuedToken,
  type Token,
} from "./token.js";
