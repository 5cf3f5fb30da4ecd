// Follows a log: what is recorded from a moment on, page by page.

import type { Activity, Query } from "./activity.js";
import type { Client } from "./client.js";
import { type CallOptions, pause } from "./time.js";

/** How a log is followed. */
export interface FollowOptions extends CallOptions {
  /** Conditions that the activities must meet. */
  query?: Omit<Query, "recorded_from">;
  /** How many milliseconds to wait when all that was new was given; default 5,000. */
  pauseMs?: number;
}

/** What a page has that is new. */
export interface News {
  /** Activities, in no particular order; perhaps none. */
  items: Activity[];
  /** Everything that was recorded before this moment was given: save it, and go on there. */
  upTo?: string;
}

/**
 * Follows a log without an end.
 *
 * A loop over it ends with an error; another loop over the same follower goes on where that was.
 */
export class Follower implements AsyncIterable<News> {
  readonly #client: Client;
  readonly #options: FollowOptions;
  #from: string;
  #cursor: string | undefined;
  /** Whether all that was new was given. */
  #isAtEnd = false;

  /** @internal */
  constructor(client: Client, from: string, options: FollowOptions) {
    this.#client = client;
    this.#from = from;
    this.#options = options;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<News, never> {
    for (;;) {
      yield await this.next();
    }
  }

  /** What the next page has. */
  async next(): Promise<News> {
    const { query, pauseMs = 5_000, signal } = this.#options;
    if (this.#isAtEnd) {
      await pause(pauseMs, signal);
      this.#isAtEnd = false;
    }
    const since = { limit: 500, ...query, recorded_from: this.#from };
    const { items, ...page } = await this.#client.page(since, this.#cursor, { signal });
    if (page.recorded_to === undefined) {
      throw new Error("the answer can't be read: it has no recorded_to");
    }
    this.#cursor = page.next_cursor;
    if (this.#cursor !== undefined) {
      return { items };
    }
    this.#from = page.recorded_to;
    this.#isAtEnd = true;
    return { items, upTo: this.#from };
  }
}
