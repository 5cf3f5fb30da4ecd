// Pauses, and ends of what takes too long.

import { Unavailable } from "./error.js";

/** The longest time that a timer takes; a longer one would end at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Options that each call has. */
export interface CallOptions {
  /** Ends the call; what it was to do may have been done. */
  signal?: AbortSignal | undefined;
}

/** Waits, unless the signal ends it: then its reason is thrown. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener("abort", end);
        resolve();
      },
      Math.min(ms, TIMER_MAX_MS),
    );
    signal?.addEventListener("abort", end, { once: true });
  });
}

/**
 * Does what ends when the signal says so, or after some time without a sign of life.
 *
 * `AbortSignal.any` is not used: with a signal that lives for long it keeps each call in memory.
 */
export async function timed<T>(
  ms: number,
  signal: AbortSignal | undefined,
  act: (signal: AbortSignal, isAlive: () => void) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  const expire = () =>
    controller.abort(new Unavailable(new Error(`nothing came within ${ms / 1_000} s`)));
  let timer = setTimeout(expire, Math.min(ms, TIMER_MAX_MS));
  const isAlive = () => {
    clearTimeout(timer);
    timer = setTimeout(expire, Math.min(ms, TIMER_MAX_MS));
  };
  const ended = new Promise<never>((_, reject) => {
    controller.signal.addEventListener("abort", () => reject(controller.signal.reason));
  });
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([ended, act(controller.signal, isAlive)]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    // What was not read of an answer is not needed any more.
    controller.abort();
  }
}
