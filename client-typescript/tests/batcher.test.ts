import { strict as assert } from "node:assert";
import { test } from "node:test";
import { batches } from "../src/delivery.js";
import { Batcher, Refused, Unavailable } from "../src/index.js";
import { activity, clientOf, keysOf, reply, stored } from "./server.js";

test("a batch has at most a hundred activities and three million bytes", () => {
  const sizes = (activities: string[]) => batches(activities).map((batch) => batch.length);
  assert.deepEqual(sizes([]), []);
  assert.deepEqual(sizes(Array<string>(250).fill("")), [100, 100, 50]);
  assert.deepEqual(sizes(Array<string>(5).fill("x".repeat(1_000_000))), [2, 2, 1]);
  // The bytes are counted, not the characters.
  assert.deepEqual(sizes(Array<string>(5).fill("한".repeat(400_000))), [2, 2, 1]);
  assert.deepEqual(sizes(["x", "x".repeat(4_000_000), "x"]), [1, 1, 1]);
});

test("a full batch is sent at once, and another one when its first activity has waited", async () => {
  const sent: number[] = [];
  const client = await clientOf((asked, response) => {
    const keys = keysOf(asked);
    sent.push(keys.length);
    reply(response, 200, { results: keys.map(stored) });
  });
  const batcher = new Batcher(client, { waitMaxMs: 30 });
  const start = performance.now();
  const ids = Array.from({ length: 230 }, (_, n) => `${n}`);
  const results = await Promise.all(ids.map((id) => batcher.record(activity(id))));
  assert.deepEqual(
    results.map((result) => result.activity.id),
    ids,
  );
  assert.deepEqual(sent, [100, 100, 30]);
  assert(performance.now() - start >= 29);
});

test("four requests are under way at once, and room waits while too many activities do", async () => {
  let underWay = 0;
  let most = 0;
  const waiting: (() => void)[] = [];
  const client = await clientOf(async (asked, response) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise<void>((resolve) => waiting.push(resolve));
    underWay -= 1;
    reply(response, 200, { results: keysOf(asked).map(stored) });
  });
  const batcher = new Batcher(client);
  const results = Array.from({ length: 1_400 }, () => batcher.record(activity()));
  let hasRoom = false;
  const room = batcher.room().then(() => (hasRoom = true));
  while (waiting.length < 4) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await new Promise((resolve) => setTimeout(resolve, 80));
  assert.deepEqual([hasRoom, underWay], [false, 4]);
  const release = setInterval(() => waiting.shift()?.(), 1);
  await room;
  await Promise.all(results);
  clearInterval(release);
  assert.equal(most, 4);
});

test("each caller learns the outcome of its own activity", async () => {
  const client = await clientOf((asked, response) => {
    const results = keysOf(asked).map((key) =>
      key === "bad" ? { status: 422, problem: { code: "idempotency_key_reused" } } : stored(key),
    );
    reply(response, 200, { results });
  });
  const batcher = new Batcher(client, { waitMaxMs: 5 });
  const [good, bad] = await Promise.allSettled([
    batcher.record(activity("good")),
    batcher.record(activity("bad")),
  ]);
  assert.equal(good.status, "fulfilled");
  assert(bad.status === "rejected" && bad.reason instanceof Refused && bad.reason.status === 422);
});

test("without an answer all of a batch learn it", async () => {
  const client = await clientOf((_, response) => reply(response, 503, {}));
  const batcher = new Batcher(client, { waitMaxMs: 1 });
  const results = await Promise.allSettled([
    batcher.record(activity()),
    batcher.record(activity()),
  ]);
  assert(results.every((it) => it.status === "rejected" && it.reason instanceof Unavailable));
});

test("close sends what waits, and takes no more", async () => {
  const client = await clientOf((asked, response) =>
    reply(response, 200, { results: keysOf(asked).map(stored) }),
  );
  const batcher = new Batcher(client, { waitMaxMs: 60_000 });
  const recorded = batcher.record(activity("k"));
  await batcher.close();
  assert.equal((await recorded).activity.id, "k");
  await assert.rejects(batcher.record(activity()), /closed/);
});
