// Delivers activities in batches until the outcome of each is known.

import type { Recorded } from "./activity.js";
import type { components } from "./contract.js";
import { isAboutContent, Refused, Unavailable } from "./error.js";
import type { Http } from "./http.js";
import { repeated, type Retries } from "./retries.js";

/** The most activities in a batch that the service takes. */
export const COUNT_MAX = 100;

/** The most bytes of a batch; the service takes 3,000,000. */
export const BYTES_MAX = 2_900_000;

type BatchAnswer = components["schemas"]["BatchAnswer"];
type BatchResult = components["schemas"]["BatchResult"];

/**
 * Delivers activities, as JSON, and tells what became of each.
 *
 * What has no known outcome is sent again, and only that.
 */
export async function deliver(
  http: Http,
  activities: string[],
  retries: Retries,
  signal?: AbortSignal,
): Promise<(Recorded | Refused)[]> {
  const delivered: (Recorded | Refused)[] = [];
  for (const batch of batches(activities)) {
    delivered.push(...(await deliverOrDivide(http, batch, retries, signal)));
  }
  return delivered;
}

/** If a batch is refused as a whole, delivers one by one, so that one does not stop the others. */
async function deliverOrDivide(
  http: Http,
  batch: string[],
  retries: Retries,
  signal?: AbortSignal,
): Promise<(Recorded | Refused)[]> {
  try {
    return await deliverBatch(http, batch, retries, signal);
  } catch (error) {
    if (!isAboutContent(error)) {
      throw error;
    }
    if (batch.length === 1) {
      return [error];
    }
  }
  const delivered: (Recorded | Refused)[] = [];
  for (const activity of batch) {
    delivered.push(...(await deliverOrDivide(http, [activity], retries, signal)));
  }
  return delivered;
}

async function deliverBatch(
  http: Http,
  batch: string[],
  retries: Retries,
  signal?: AbortSignal,
): Promise<(Recorded | Refused)[]> {
  const known = new Map<number, Recorded | Refused>();
  await repeated(retries, signal, async () => {
    const unknown = batch.map((_, place) => place).filter((place) => !known.has(place));
    const sent = unknown.map((place) => batch[place]).join(",");
    const request = { method: "POST", path: "/v1/activities/batch" } as const;
    const body = `{"activities":[${sent}]}`;
    const { json } = await http.attempt<BatchAnswer>({ ...request, body }, signal);
    if (json.results?.length !== unknown.length) {
      throw new Error("the answer can't be read: it has not one result for each activity");
    }
    let trouble: Unavailable | undefined;
    for (const [index, place] of unknown.entries()) {
      const outcome = outcomeOf(json.results[index]);
      if (outcome instanceof Unavailable) {
        trouble = outcome;
      } else {
        known.set(place, outcome);
      }
    }
    if (trouble) {
      throw trouble;
    }
  });
  return [...known.entries()].sort(([a], [b]) => a - b).map(([, outcome]) => outcome);
}

/** What became of an activity; it is unknown where the service was unavailable. */
function outcomeOf(result: BatchResult | undefined): Recorded | Refused | Unavailable {
  const { status = 500, activity, problem } = result ?? {};
  if ((status === 200 || status === 201) && activity) {
    return { activity, replayed: status === 200 };
  }
  const refused = new Refused(status, problem);
  return status === 429 || status >= 500 ? new Unavailable(refused) : refused;
}

/** Consecutive activities, as many as a batch may have. */
export function batches(activities: string[]): string[][] {
  const batches: string[][] = [];
  let bytes = Infinity;
  for (const activity of activities) {
    const more = byteLength(activity) + 1;
    const batch = batches.at(-1);
    // One that is too large for a batch is refused by the service.
    if (batch && batch.length < COUNT_MAX && bytes + more <= BYTES_MAX) {
      batch.push(activity);
      bytes += more;
    } else {
      batches.push([activity]);
      bytes = more;
    }
  }
  return batches;
}

export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
