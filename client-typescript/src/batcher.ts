// Records many activities with few requests, each within a short time.

import { activityJson, type NewActivity, type Recorded } from "./activity.js";
import type { Client } from "./client.js";
import { byteLength, BYTES_MAX, COUNT_MAX, deliver } from "./delivery.js";
import { Refused } from "./error.js";

/** How a batcher behaves. */
export interface BatcherOptions {
  /** How many milliseconds the first activity of a batch waits for others; default 50. */
  waitMaxMs?: number;
  /** How many activities may wait before `room` waits; default 1,000. */
  queue?: number;
  /** How many requests are under way at once; default 4. */
  atOnce?: number;
}

/** An activity, and who waits for its result. */
interface Waiting {
  text: string;
  bytes: number;
  /** When it is sent at the latest, if there is a request left. */
  due: number;
  resolve: (recorded: Recorded) => void;
  reject: (error: unknown) => void;
}

/**
 * Collects activities into batches.
 *
 * What waits is lost when the process ends: wait for the results of `record`, or use an outbox.
 */
export class Batcher {
  readonly #client: Client;
  readonly #options: Required<BatcherOptions>;
  readonly #queue: Waiting[] = [];
  readonly #results = new Set<Promise<unknown>>();
  #bytes = 0;
  #underWay = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #forRoom: (() => void)[] = [];
  #isClosed = false;

  constructor(client: Client, options: BatcherOptions = {}) {
    this.#client = client;
    this.#options = { waitMaxMs: 50, queue: 1_000, atOnce: 4, ...options };
  }

  /**
   * Records an activity with others; returns when its outcome is known.
   *
   * It throws `Refused`, or `Unavailable`: then record it again, with its key.
   */
  async record(activity: NewActivity): Promise<Recorded> {
    if (this.#isClosed) {
      throw new Error("the batcher is closed");
    }
    const text = activityJson(activity);
    const result = new Promise<Recorded>((resolve, reject) => {
      const [bytes, due] = [byteLength(text) + 1, performance.now() + this.#options.waitMaxMs];
      this.#queue.push({ text, bytes, due, resolve, reject });
      this.#bytes += bytes;
    });
    this.#results.add(result);
    this.#send();
    return result.finally(() => this.#results.delete(result));
  }

  /**
   * Returns while fewer activities wait than may.
   *
   * Who does not wait for each result waits for this before the next `record`.
   */
  async room(): Promise<void> {
    while (this.#queue.length >= this.#options.queue) {
      await new Promise<void>((resolve) => this.#forRoom.push(resolve));
    }
  }

  /** Sends what waits, and returns when the outcome of everything recorded so far is known. */
  async flush(): Promise<void> {
    for (const waiting of this.#queue) {
      waiting.due = 0;
    }
    this.#send();
    await Promise.allSettled(this.#results);
  }

  /** Takes no more activities, and waits as `flush` does. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
  }

  /** Sends the batches that are full or due, as many at once as may be. */
  #send(): void {
    while (this.#underWay < this.#options.atOnce && this.#isDue()) {
      this.#underWay += 1;
      void this.#deliver(this.#next());
    }
    clearTimeout(this.#timer);
    const [first] = this.#queue;
    if (first && this.#underWay < this.#options.atOnce) {
      this.#timer = setTimeout(() => this.#send(), first.due - performance.now());
    }
  }

  #isDue(): boolean {
    const [first] = this.#queue;
    const isFull = this.#queue.length >= COUNT_MAX || this.#bytes > BYTES_MAX;
    return first !== undefined && (isFull || first.due <= performance.now());
  }

  /** As many activities as a batch may have. */
  #next(): Waiting[] {
    let bytes = 0;
    const fits = this.#queue.findIndex((waiting, place) => {
      bytes += waiting.bytes;
      return place > 0 && (place >= COUNT_MAX || bytes > BYTES_MAX);
    });
    const batch = this.#queue.splice(0, fits < 0 ? this.#queue.length : fits);
    this.#bytes -= batch.reduce((sum, waiting) => sum + waiting.bytes, 0);
    this.#forRoom.splice(0).forEach((resolve) => resolve());
    return batch;
  }

  async #deliver(batch: Waiting[]): Promise<void> {
    const { http } = this.#client;
    const texts = batch.map(({ text }) => text);
    try {
      const results = await deliver(http, texts, http.retries);
      for (const [place, { resolve, reject }] of batch.entries()) {
        const result = results[place];
        if (result === undefined || result instanceof Refused) {
          reject(result);
        } else {
          resolve(result);
        }
      }
    } catch (error) {
      batch.forEach(({ reject }) => reject(error));
    } finally {
      this.#underWay -= 1;
      this.#send();
    }
  }
}
