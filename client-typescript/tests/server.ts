// Small HTTP servers for tests.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after } from "node:test";
import { type ActivityFields, Client, type ClientOptions, newActivity } from "../src/index.js";

/** A request that came. */
export interface Asked {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}

/** Answers a request: with a status, a body and headers, or by hand. */
export type Answer = (asked: Asked, response: ServerResponse) => void | Promise<void>;

/** Starts a server that ends with the tests of its file; returns its address. */
export async function serve(answer: Answer): Promise<string> {
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      const { method = "", url = "", headers } = request;
      return answer({ method, url, headers, body }, response);
    });
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

export function reply(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, headers);
  response.end(JSON.stringify(body));
}

/** Repetitions that cost a test no time. */
export const FAST = { firstPauseMs: 1, pauseMaxMs: 4 };

/** A client of a server that answers so. */
export async function clientOf(answer: Answer, options: ClientOptions = {}): Promise<Client> {
  return new Client(await serve(answer), "token", { retries: FAST, ...options });
}

/** Fields of an activity. */
export const FIELDS: ActivityFields = {
  action: "create_order",
  outcome: "succeeded",
  customer: { id: "c-1", name: "Relecloud" },
  actor: { id: "u-17", name: "ann@contoso.example", kind: "user" },
};

/** An activity with a key, or a new one. */
export function activity(key?: string) {
  const occurred_at = "2026-11-22T09:32:11.123Z";
  return newActivity(key === undefined ? FIELDS : { ...FIELDS, idempotency_key: key, occurred_at });
}

/** The keys of the activities of a batch. */
export function keysOf({ body }: Asked): string[] {
  const { activities } = JSON.parse(body) as { activities: { idempotency_key: string }[] };
  return activities.map(({ idempotency_key }) => idempotency_key);
}

/** The result of an activity that is stored under its key. */
export function stored(key: string) {
  return { status: 201, activity: { id: key } };
}
