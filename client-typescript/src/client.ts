// A client of one service, with one token's rights.

import {
  type Activity,
  activityJson,
  checked,
  type Export,
  type NewActivity,
  type NewExport,
  type Page,
  type Query,
  type Recorded,
  type RecordedActivity,
  type Summary,
  type SummaryQuery,
} from "./activity.js";
import type { components } from "./contract.js";
import { deliver } from "./delivery.js";
import type { Refused } from "./error.js";
import { type Download, download, type WaitOptions, waitForExport } from "./export.js";
import { Follower, type FollowOptions } from "./follow.js";
import { type ClientOptions, Http } from "./http.js";
import { repeated } from "./retries.js";
import type { CallOptions } from "./time.js";
import type { Token } from "./token.js";

type Part = components["schemas"]["Summary"];

/** A client of the service at an address such as `https://api.example`. */
export class Client {
  /** @internal */
  readonly http: Http;

  constructor(baseUrl: string, token: Token, options: ClientOptions = {}) {
    this.http = new Http(baseUrl, token, options);
  }

  /** Records an activity, once, however often the request must be repeated. */
  async record(activity: NewActivity, { signal }: CallOptions = {}): Promise<Recorded> {
    const { idempotency_key, ...fields } = checked(activity);
    const request = {
      method: "POST",
      path: "/v1/activities",
      headers: { "idempotency-key": idempotency_key },
      body: JSON.stringify(fields),
    } as const;
    return repeated(this.http.retries, signal, async () => {
      const { status, json } = await this.http.attempt<RecordedActivity>(request, signal);
      return { activity: json, replayed: status === 200 };
    });
  }

  /**
   * Records activities in batches, one after the other; each result is that of the activity in
   * its place.
   *
   * An error means that the outcome of some is unknown: call it again with all of them.
   */
  async recordMany(
    activities: NewActivity[],
    { signal }: CallOptions = {},
  ): Promise<(Recorded | Refused)[]> {
    return deliver(this.http, activities.map(activityJson), this.http.retries, signal);
  }

  /** A page of a list, from its beginning or from a cursor on. */
  page(query: Query = {}, cursor?: string, options: CallOptions = {}): Promise<Page> {
    return this.http.json({ path: pathOf("/v1/activities", { ...query, cursor }) }, options);
  }

  /** All pages of a list. */
  async *pages(query: Query = {}, options: CallOptions = {}): AsyncGenerator<Page, void> {
    let cursor: string | undefined;
    do {
      const page = await this.page(query, cursor, options);
      yield page;
      cursor = page.next_cursor;
    } while (cursor !== undefined);
  }

  /** All activities of a list. */
  async *list(query: Query = {}, options: CallOptions = {}): AsyncGenerator<Activity, void> {
    for await (const page of this.pages(query, options)) {
      yield* page.items;
    }
  }

  /**
   * What is recorded from a moment on, without an end.
   *
   * Each activity is given once, some minute after it was recorded.
   */
  follow(from: string, options: FollowOptions = {}): Follower {
    return new Follower(this, from, options);
  }

  /** One activity, with its details. */
  get(id: string, options: CallOptions = {}): Promise<Activity> {
    return this.http.json({ path: `/v1/activities/${encodeURIComponent(id)}` }, options);
  }

  /** Counts activities by one or two properties, over the whole range. */
  async summary(query: SummaryQuery, options: CallOptions = {}): Promise<Summary> {
    const groups = new Map<string, Part["groups"][number]>();
    let cursor: string | undefined;
    for (;;) {
      const path = pathOf("/v1/activities/summary", { ...query, cursor });
      const part: Part = await this.http.json<Part>({ path }, options);
      for (const group of part.groups) {
        // A later part names the customer and the actor by older names.
        const { day, action, outcome, customer, actor } = group;
        const key = JSON.stringify([day, action, outcome, customer?.id, actor?.id]);
        const known = groups.get(key) ?? { ...group, count: 0 };
        groups.set(key, { ...known, count: known.count + group.count });
      }
      cursor = part.next_cursor;
      if (cursor === undefined) {
        const { recorded_to } = part;
        return { groups: [...groups.values()], ...(recorded_to && { recorded_to }) };
      }
    }
  }

  /** Asks for an export; with the same key, the same export again. */
  createExport(
    request: NewExport,
    key: string = crypto.randomUUID(),
    options: CallOptions = {},
  ): Promise<Export> {
    const headers = { "idempotency-key": key, prefer: "wait=5" };
    const body = JSON.stringify(request);
    return this.http.json({ method: "POST", path: "/v1/exports", headers, body }, options);
  }

  /** Looks at an export; the log keeps that somebody got a link, if it is ready. */
  getExport(id: string, options: CallOptions = {}): Promise<Export> {
    return this.http.json({ path: `/v1/exports/${encodeURIComponent(id)}` }, options);
  }

  /** Waits until an export is ready; tells each time how far it is. */
  waitForExport(begun: Export, options: WaitOptions = {}): Promise<Export> {
    return waitForExport(this, begun, options);
  }

  /** Exports, as one call: asks, waits, downloads into memory, and checks. */
  async export(request: NewExport, options: WaitOptions = {}): Promise<Download> {
    const asked = await this.createExport(request, undefined, options);
    return this.download(await this.waitForExport(asked, options), options);
  }

  /** Downloads the file of an export that is ready, and its proof, and checks both. */
  download(ready: Export, options: CallOptions = {}): Promise<Download> {
    return download(this, ready, options);
  }
}

function pathOf(path: string, query: object): string {
  const parameters = new URLSearchParams();
  for (const [name, given] of Object.entries(query)) {
    for (const value of [given].flat()) {
      if (value !== undefined && value !== null) {
        parameters.append(name, String(value));
      }
    }
  }
  return parameters.size > 0 ? `${path}?${parameters}` : path;
}
