// How often and after which pauses a request is repeated.

import { Unavailable } from "./error.js";
import { pause } from "./time.js";

/**
 * How often and after which pauses a request is repeated that was throttled or not answered.
 *
 * A pause is twice as long as the one before, with up to as much again by chance, so that many
 * clients do not come back at once. It is never shorter than the service asks for.
 */
export interface Retries {
  /** How many repetitions; default 8, which is some two minutes. */
  count: number;
  /** The first pause in milliseconds; default 250. */
  firstPauseMs: number;
  /** The longest pause in milliseconds, before chance doubles it; default 20,000. */
  pauseMaxMs: number;
}

export const RETRIES: Retries = { count: 8, firstPauseMs: 250, pauseMaxMs: 20_000 };

/** Tries until it works, an error stays, or there were enough repetitions. */
export async function repeated<T>(
  { count, firstPauseMs, pauseMaxMs }: Retries,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let repetition = 0; ; repetition += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Unavailable) || repetition >= count) {
        throw error;
      }
      const wait = Math.min(pauseMaxMs, firstPauseMs * 2 ** repetition) * (1 + Math.random());
      await pause(Math.max(wait, (error.retryAfterSeconds ?? 0) * 1_000), signal);
    }
  }
}
