import { strict as assert } from "node:assert";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { lineOf } from "../src/journal.js";
import { Outbox } from "../src/outbox.js";
import { activity, type Answer, clientOf, keysOf, reply, stored } from "./server.js";

const PATIENCE_MS = 10_000;
let parent = "";
let folder = "";

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "outbox-"));
  folder = join(parent, "outbox");
});

afterEach(() => rm(parent, { recursive: true }));

/** A service that takes all, and the keys that it took. */
function taking(): { recorded: string[]; answer: Answer } {
  const recorded: string[] = [];
  const answer: Answer = (asked, response) => {
    const keys = keysOf(asked);
    recorded.push(...keys);
    reply(response, 200, { results: keys.map(stored) });
  };
  return { recorded, answer };
}

const away: Answer = (_, response) => reply(response, 503, {});

test("what is handed over is in a file, is recorded in order, and the folder is free again", async () => {
  const { recorded, answer } = taking();
  const outbox = await Outbox.open(await clientOf(answer), folder);
  const keys = Array.from({ length: 250 }, (_, n) => `${n}`);
  await Promise.all(keys.map((key) => outbox.handOver(activity(key))));
  assert.equal(await outbox.flush(PATIENCE_MS), true);
  assert.deepEqual(recorded, keys);
  assert.deepEqual([outbox.waitingBytes, outbox.trouble], [0, undefined]);
  assert.equal(await outbox.close(PATIENCE_MS), true);
  assert.deepEqual((await readdir(folder)).sort(), ["000000000001.log", "delivered"]);
  const { size } = await stat(join(folder, "000000000001.log"));
  assert.equal(await readFile(join(folder, "delivered"), "utf8"), `1 ${size}\n`);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  await assert.rejects(outbox.handOver(activity()), /closed/);
});

test("while the service is away it waits and says why; opened again, it goes on", async () => {
  const outbox = await Outbox.open(await clientOf(away), folder);
  await outbox.handOver(activity("1"));
  assert.equal(await outbox.flush(100), false);
  assert.match(outbox.trouble ?? "", /no answer: refused with 503/);
  assert.equal(await outbox.close(0), false);
  assert.match(outbox.trouble ?? "", /503/);
  const { recorded, answer } = taking();
  const again = await Outbox.open(await clientOf(answer), folder);
  assert(again.waitingBytes > 0);
  assert.equal(await again.close(PATIENCE_MS), true);
  assert.deepEqual(recorded, ["1"]);
});

test("what is refused is kept with its reason, and does not stop the others", async () => {
  const client = await clientOf((asked, response) => {
    const problem = { code: "invalid_request", detail: "it is too old" };
    const results = keysOf(asked).map((key) =>
      key === "bad" ? { status: 400, problem } : stored(key),
    );
    reply(response, 200, { results });
  });
  const outbox = await Outbox.open(client, folder);
  const bad = activity("bad");
  await Promise.all([outbox.handOver(bad), outbox.handOver(activity("good"))]);
  assert.equal(await outbox.close(PATIENCE_MS), true);
  const refused = await readFile(join(folder, "refused.jsonl"), "utf8");
  const wanted = { status: 400, reason: "refused with 400: it is too old", activity: bad };
  assert.deepEqual(JSON.parse(refused), wanted);
});

test("a token without the right is no refusal: it waits", async () => {
  const client = await clientOf((_, response) => reply(response, 403, { code: "forbidden" }));
  const outbox = await Outbox.open(client, folder);
  await outbox.handOver(activity());
  assert.equal(await outbox.flush(50), false);
  assert.match(outbox.trouble ?? "", /refused with 403/);
  await outbox.close(0);
  assert(!(await readdir(folder)).includes("refused.jsonl"));
});

test("a refusal that is not the service's own is no refusal: it waits", async () => {
  const client = await clientOf((_, response) => reply(response, 400, { message: "Bad Request" }));
  const outbox = await Outbox.open(client, folder);
  await outbox.handOver(activity());
  assert.equal(await outbox.flush(50), false);
  assert.match(outbox.trouble ?? "", /refused with 400/);
  await outbox.close(0);
});

test("it holds no more than it may", async () => {
  const outbox = await Outbox.open(await clientOf(away), folder, { bytesMax: 600 });
  await outbox.handOver(activity());
  await outbox.handOver(activity());
  await assert.rejects(outbox.handOver(activity()), /it is full/);
  await outbox.close(0);
});

test("a file that is delivered is deleted when the next one is begun", async () => {
  const { recorded, answer } = taking();
  const outbox = await Outbox.open(await clientOf(answer), folder);
  const details = { padding: "x".repeat(250_000) };
  for (let number = 0; number < 40; number += 1) {
    await outbox.handOver({ ...activity(`${number}`), details });
  }
  assert.equal(await outbox.close(PATIENCE_MS), true);
  assert.equal(recorded.length, 40);
  assert.deepEqual((await readdir(folder)).sort(), ["000000000002.log", "delivered"]);
});

test("texts of another program are sent as they are", async () => {
  const bodies: string[] = [];
  const client = await clientOf((asked, response) => {
    bodies.push(asked.body);
    reply(response, 200, { results: keysOf(asked).map(stored) });
  });
  await (await Outbox.open(client, folder)).close(0);
  const text = '{"idempotency_key":"k","details":{"n":9007199254740993.0}}';
  await writeFile(join(folder, "000000000001.log"), lineOf(0, text));
  await (await Outbox.open(client, folder)).close(PATIENCE_MS);
  assert.deepEqual(bodies, [`{"activities":[${text}]}`]);
});

test("one at a time has a folder", async () => {
  const client = await clientOf(away);
  const outbox = await Outbox.open(client, folder);
  await assert.rejects(Outbox.open(client, folder), /another process has this outbox/);
  await outbox.close(0);
  await (await Outbox.open(client, folder)).close(0);
});
