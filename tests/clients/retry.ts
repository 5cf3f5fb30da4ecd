// Records an activity once, however often its request must be repeated.

import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "openapi-fetch";
import type { components, paths } from "./generated/openapi.ts";

type Schemas = components["schemas"];
/** Save the key and the activity, with its `occurred_at`, before the first attempt. */
export type Kept = { key: string; activity: Schemas["NewActivity"] & { occurred_at: string } };

const ATTEMPTS_MAX = 8;
const PAUSE_MAX_MS = 20_000;

/** The stored activity; an error if the service refuses it, or does not answer in eight attempts. */
export async function record(
  api: Client<paths>,
  { key, activity }: Kept,
): Promise<Schemas["RecordedActivity"]> {
  const params = { header: { "Idempotency-Key": key } };
  let reason = "";
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    let wait = Math.min(PAUSE_MAX_MS, 250 * 2 ** attempt) * (1 + Math.random());
    try {
      const answer = await api.POST("/v1/activities", { params, body: activity });
      if (answer.data) {
        return answer.data;
      }
      reason = JSON.stringify(answer.error);
      const { status, headers } = answer.response;
      if (status < 500 && status !== 429) {
        throw new RefusedError(reason);
      }
      wait = Math.max(wait, Number(headers.get("retry-after") ?? 0) * 1_000);
    } catch (error) {
      if (error instanceof RefusedError) {
        throw error;
      }
      reason ||= String(error);
    }
    await pause(wait);
  }
  throw new Error(`no answer, so send it again later: ${reason}`);
}

/** The service refuses the activity; to repeat the request does not help. */
export class RefusedError extends Error {}
