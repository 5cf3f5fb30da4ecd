// Against the service: BASE is its address, and TOKEN a token that may record and read.

import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { exportTo } from "../src/files.js";
import { Batcher, Client, newActivity, type NewActivity, Refused } from "../src/index.js";
import { Outbox } from "../src/outbox.js";
import { type Proxy, proxyOf } from "./proxy.js";
import { FAST, FIELDS } from "./server.js";

const { BASE = "", TOKEN = "" } = process.env;
const skip = BASE ? false : "BASE and TOKEN name no service";
const service = BASE ? new Client(BASE, TOKEN) : undefined;

/** How often the producer is killed. */
const KILLS = 20;
const PATIENCE_MS = 60_000;

/** A client behind a proxy that fails. */
async function behindProxy(seed: number): Promise<{ client: Client; proxy: Proxy }> {
  const proxy = await proxyOf(BASE, seed);
  return { client: new Client(proxy.base, TOKEN, { retries: { ...FAST, count: 50 } }), proxy };
}

/** Activities of a customer of their own; their correlation ids are their keys. */
function activities(customer: string, count: number): NewActivity[] {
  return Array.from({ length: count }, () => {
    const activity = newActivity({ ...FIELDS, customer: { id: customer, name: "Relecloud" } });
    return { ...activity, correlation_id: activity.idempotency_key };
  });
}

/** The correlation ids of what is recorded of a customer, in order. */
async function recorded(customer: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { correlation_id } of service?.list({ customer_id: customer, limit: 500 }) ??
    []) {
    keys.push(correlation_id ?? "");
  }
  return keys.sort();
}

function keys(given: NewActivity[]): string[] {
  return given.map(({ idempotency_key }) => idempotency_key).sort();
}

test("one, many and a batcher record each activity once, whatever fails", { skip }, async () => {
  const { client, proxy } = await behindProxy(1);
  const customer = `c-${randomUUID()}`;
  const given = activities(customer, 700);
  for (const activity of given.slice(0, 40)) {
    const { activity: stored } = await client.record(activity);
    assert.equal(stored.correlation_id, activity.idempotency_key);
  }
  const many = given.slice(40, 400);
  for (const [place, result] of (await client.recordMany(many)).entries()) {
    assert(!(result instanceof Refused));
    assert.equal(result.activity.correlation_id, many[place]?.idempotency_key);
  }
  const batcher = new Batcher(client, { waitMaxMs: 5 });
  await Promise.all(given.slice(400).map((activity) => batcher.record(activity)));
  assert.deepEqual(await recorded(customer), keys(given));
  assert(
    Object.values(proxy.faults).every((count) => count > 2),
    JSON.stringify(proxy.faults),
  );
});

test("what is recorded is read, counted and exported", { skip }, async () => {
  assert(service);
  const customer_id = `c-${randomUUID()}`;
  const details = { line_items: [{ offer: "Office 365", quantity: 25 }] };
  const [first, ...others] = activities(customer_id, 3);
  assert(first);
  const { activity, replayed } = await service.record({ ...first, details });
  assert.equal(replayed, false);
  assert.equal((await service.record({ ...first, details })).replayed, true);
  await service.recordMany(others);
  assert.deepEqual((await service.get(activity.id)).details, details);
  const { groups } = await service.summary({ customer_id, group_by: ["action", "outcome"] });
  assert.deepEqual(groups, [{ action: "create_order", outcome: "succeeded", count: 3 }]);
  const ids: string[] = [];
  for await (const { items } of service.pages({ customer_id, limit: 2 })) {
    ids.push(...items.map(({ id }) => id));
  }
  assert(ids.length === 3 && ids.includes(activity.id));
  const folder = await mkdtemp(join(tmpdir(), "files-"));
  const wanted = { customer_id, format: "jsonl" as const };
  const { file } = await exportTo(service, wanted, join(folder, "log.jsonl"));
  const text = await readFile(file, "utf8");
  assert.equal(text.split("\n").length, 4);
  const inMemory = await service.export(wanted);
  assert.equal((await inMemory.file.text()).length, text.length);
  await rm(folder, { recursive: true });
});

test("a refusal names the field, also in a batch", { skip }, async () => {
  assert(service);
  const bad = newActivity({ ...FIELDS, action: "Not an action" });
  const refused: unknown = await service.record(bad).catch((error: unknown) => error);
  assert(refused instanceof Refused && refused.status === 400);
  assert.equal(refused.errors[0]?.field, "action");
  const results = await service.recordMany([bad, newActivity(FIELDS)]);
  assert.deepEqual(
    results.map((result) => result instanceof Refused),
    [true, false],
  );
});

test("a follower gives pages, and a moment to go on from", { skip }, async () => {
  assert(service);
  const from = new Date(Date.now() - 3_600_000).toISOString();
  for await (const { upTo } of service.follow(from)) {
    if (upTo !== undefined) {
      assert(upTo > from);
      return;
    }
  }
});

/** Runs a producer, and kills it soon; the keys of what it handed over. */
async function killed(args: string[], afterMs: number): Promise<string[]> {
  const program = fileURLToPath(new URL("producer.js", import.meta.url));
  const stdio = ["ignore", "pipe", "inherit"] as const;
  const child = spawn(process.execPath, [program, ...args], { stdio: [...stdio] });
  let said = "";
  for await (const chunk of child.stdout ?? []) {
    if (said === "") {
      setTimeout(() => child.kill("SIGKILL"), afterMs);
    }
    said += String(chunk);
  }
  // The last line may be cut.
  return said.split("\n").slice(0, -1);
}

test(
  "a producer that is killed again and again loses nothing and records nothing twice",
  { skip },
  async () => {
    const proxy = await proxyOf(BASE, 2);
    const folder = await mkdtemp(join(tmpdir(), "outbox-"));
    const customer = `c-${randomUUID()}`;
    const handedOver: string[] = [];
    for (let round = 0; round < KILLS; round += 1) {
      const args = [proxy.base, TOKEN, folder, customer];
      const keys = await killed(args, 300 * Math.random());
      assert(keys.length > 0, `round ${round}`);
      handedOver.push(...keys);
    }
    proxy.failing = 0;
    const outbox = await Outbox.open(new Client(proxy.base, TOKEN, { retries: FAST }), folder);
    assert.equal(await outbox.close(PATIENCE_MS), true, outbox.trouble);
    const found = await recorded(customer);
    assert.equal(new Set(found).size, found.length, "one was recorded twice");
    const once = new Set(found);
    assert.deepEqual(
      handedOver.filter((key) => !once.has(key)),
      [],
      "one was lost",
    );
    // What was on the disk when the process was killed, but was not said yet, may be there too.
    assert(found.length - handedOver.length <= KILLS * 5);
    assert(
      Object.values(proxy.faults).every((count) => count > 0),
      JSON.stringify(proxy.faults),
    );
    await rm(folder, { recursive: true });
  },
);
