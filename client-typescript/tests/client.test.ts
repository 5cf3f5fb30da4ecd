import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { exportTo } from "../src/files.js";
import { Client, newActivity, Refused, Unavailable } from "../src/index.js";
import { activity, clientOf, FAST, FIELDS, keysOf, reply, stored } from "./server.js";

test("a new activity has a key and a time, and a key needs its time", () => {
  const { idempotency_key, occurred_at } = newActivity(FIELDS);
  assert.match(idempotency_key, /^[0-9a-f-]{36}$/);
  assert.match(occurred_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.throws(() => newActivity({ ...FIELDS, idempotency_key: "k" }), /needs its occurred_at/);
  assert.equal(activity("k").idempotency_key, "k");
});

test("an activity without its key is not sent", async () => {
  const client = await clientOf(() => assert.fail("it was sent"));
  const { idempotency_key: _, ...bare } = activity();
  await assert.rejects(client.record(bare as never), /newActivity/);
});

test("the key is in the header, as UTF-8, and each attempt is the same", async () => {
  const seen: unknown[] = [];
  const client = await clientOf(({ headers, body, url }, response) => {
    const key = Buffer.from(String(headers["idempotency-key"]), "latin1").toString();
    seen.push([url, key, headers["authorization"], body]);
    if (seen.length < 3) {
      reply(response, 503, {});
    } else {
      reply(response, seen.length === 3 ? 201 : 200, { id: "a" });
    }
  });
  const kept = activity("키-1");
  assert.deepEqual(await client.record(kept), { activity: { id: "a" }, replayed: false });
  assert.equal((await client.record(kept)).replayed, true);
  const { idempotency_key: _, ...fields } = kept;
  const wanted = ["/v1/activities", "키-1", "Bearer token", JSON.stringify(fields)];
  assert.deepEqual(seen, [wanted, wanted, wanted, wanted]);
});

test("what is refused is not repeated, and names fields and reasons", async () => {
  let count = 0;
  const problem = {
    code: "invalid_request",
    detail: "action must be short",
    errors: [
      { field: "action", reason: "must be short" },
      { field: "actor.id", reason: "is required" },
    ],
    request_id: "r-1",
  };
  const client = await clientOf((_, response) => {
    count += 1;
    reply(response, 400, problem);
  });
  const refused: unknown = await client.record(activity()).catch((error: unknown) => error);
  assert(refused instanceof Refused);
  assert.equal(refused.message, "refused with 400: action must be short; actor.id is required");
  assert.deepEqual(
    [refused.status, refused.code, refused.errors, refused.requestId, count],
    [400, "invalid_request", problem.errors, "r-1", 1],
  );
});

test("the gateway's own refusal has its message", async () => {
  const client = await clientOf((_, response) => reply(response, 404, { message: "Not Found" }));
  await assert.rejects(client.get("x"), { status: 404, message: "refused with 404: Not Found" });
});

test("what is not answered is unavailable, with the cause", async () => {
  const client = await clientOf((_, response) => void response.destroy());
  const error: unknown = await client.get("x").catch((error: unknown) => error);
  assert(error instanceof Unavailable);
  assert.match(error.message, /^the service gave no answer: fetch failed: ./);
  assert(error.cause instanceof Error);
});

test("an answer that breaks off is asked for again", async () => {
  let count = 0;
  const client = await clientOf((_, response) => {
    count += 1;
    if (count === 1) {
      response.writeHead(200, { "content-length": "100" });
      response.write('{"id":');
      setTimeout(() => response.destroy(), 10);
    } else {
      reply(response, 200, { id: "a" });
    }
  });
  assert.equal((await client.get("a")).id, "a");
});

test("an answer that takes too long is no answer", async () => {
  const retries = { ...FAST, count: 1 };
  const client = await clientOf(() => undefined, { timeoutMs: 20, retries });
  await assert.rejects(client.get("x"), /no answer: nothing came within 0\.02 s/);
});

test("a signal ends a request and a pause, with its reason", async () => {
  const silent = await clientOf(() => undefined);
  const signal = AbortSignal.timeout(20);
  await assert.rejects(silent.get("x", { signal }), { name: "TimeoutError" });
  const busy = await clientOf((_, response) => {
    reply(response, 503, {}, { "retry-after": "60" });
    setTimeout(() => end.abort(new Error("no longer")), 20);
  });
  const end = new AbortController();
  await assert.rejects(busy.record(activity(), { signal: end.signal }), /^Error: no longer$/);
});

test("a batch has at most a hundred activities; only those of unknown outcome are sent again", async () => {
  const batches: string[][] = [];
  const client = await clientOf((asked, response) => {
    const keys = keysOf(asked);
    batches.push(keys);
    const isFirst = batches.length === 1;
    const results = keys.map((key) => {
      if (key === "3") {
        return { status: 400, problem: { code: "invalid_request", detail: "no" } };
      }
      return isFirst && Number(key) % 40 === 0 ? { status: 503 } : stored(key);
    });
    reply(response, 200, { results });
  });
  const results = await client.recordMany(Array.from({ length: 150 }, (_, n) => activity(`${n}`)));
  assert.deepEqual(
    batches.map((batch) => (batch.length < 5 ? batch : batch.length)),
    [100, ["0", "40", "80"], 50],
  );
  for (const [place, result] of results.entries()) {
    assert.equal(result instanceof Refused ? "3" : result.activity.id, `${place}`);
  }
  assert.equal(results.length, 150);
});

test("a batch that is refused as a whole is divided", async () => {
  const client = await clientOf((asked, response) => {
    const keys = keysOf(asked);
    if (keys.includes("bad")) {
      return reply(response, 400, { code: "invalid_request", detail: "bad JSON" });
    }
    return reply(response, 200, { results: keys.map(stored) });
  });
  const results = await client.recordMany(["a", "bad", "b"].map(activity));
  assert.deepEqual(
    results.map((result) => (result instanceof Refused ? result.status : result.activity.id)),
    ["a", 400, "b"],
  );
});

test("a batch that the gateway refuses is an error, because the address or a right is wrong", async () => {
  const client = await clientOf((_, response) => reply(response, 404, { message: "Not Found" }));
  await assert.rejects(client.recordMany([activity()]), Refused);
});

test("a list goes through all pages, with each value of a parameter", async () => {
  const urls: string[] = [];
  const client = await clientOf(({ url }, response) => {
    urls.push(url);
    const isLast = url.includes("cursor");
    const items = [{ id: `${urls.length}` }];
    reply(response, 200, isLast ? { items } : { items, next_cursor: "c+1" });
  });
  const ids: string[] = [];
  for await (const { id } of client.list({ action: ["a", "b"], limit: 1 })) {
    ids.push(id);
  }
  assert.deepEqual(ids, ["1", "2"]);
  const first = "/v1/activities?action=a&action=b&limit=1";
  assert.deepEqual(urls, [first, `${first}&cursor=c%2B1`]);
});

test("a summary adds up the counts of all parts", async () => {
  const newer = { id: "c", name: "New" };
  const client = await clientOf(({ url }, response) => {
    const groups = url.includes("cursor")
      ? [{ customer: { id: "c", name: "Old" }, count: 2 }, { count: 1 }]
      : [{ customer: newer, count: 3 }];
    reply(response, 200, url.includes("cursor") ? { groups } : { groups, next_cursor: "1" });
  });
  const { groups } = await client.summary({ group_by: ["customer"] });
  assert.deepEqual(groups, [{ customer: newer, count: 5 }, { count: 1 }]);
});

test("a follower goes on where it was after an error", async () => {
  const asked: string[] = [];
  const pages = [
    { items: [{ id: "1" }], next_cursor: "c", recorded_to: "T1" },
    undefined,
    { items: [{ id: "2" }], recorded_to: "T1" },
    { items: [], recorded_to: "T2" },
  ];
  const answer = async ({ url }: { url: string }, response: Parameters<typeof reply>[0]) => {
    asked.push(url.split("?limit=500&")[1] ?? url);
    const page = pages[asked.length - 1];
    reply(response, page ? 200 : 400, page ?? {});
  };
  const client = await clientOf(answer);
  const follower = client.follow("T0", { pauseMs: 1 });
  const news: unknown[] = [];
  for (let errors = 0; errors < 2; errors += 1) {
    await assert.rejects(async () => {
      for await (const page of follower) {
        news.push(page);
      }
    }, Refused);
  }
  assert.deepEqual(news, [
    { items: [{ id: "1" }] },
    { items: [{ id: "2" }], upTo: "T1" },
    { items: [], upTo: "T2" },
  ]);
  const first = ["recorded_from=T0", "recorded_from=T0&cursor=c", "recorded_from=T0&cursor=c"];
  assert.deepEqual(asked, [...first, "recorded_from=T1", "recorded_from=T2"]);
});

/** A service with an export whose download breaks off, and whose first link has expired. */
function exporting(file: Buffer, sha256 = createHash("sha256").update(file).digest("hex")) {
  const ranges: string[] = [];
  const client = clientOf(({ method, url, headers }, response) => {
    const base = `http://${headers.host}`;
    const about = { name: "log.csv", bytes: file.length, sha256 };
    const ready = { id: "e", state: "ready", file: about };
    if (url === "/v1/exports") {
      assert.equal(method, "POST");
      return reply(response, 202, { id: "e", state: "running" });
    }
    if (url === "/v1/exports/e") {
      return reply(response, 200, { ...ready, download: { url: `${base}/file` } });
    }
    assert.equal(headers.authorization, undefined);
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1]);
    ranges.push(`${from}`);
    if (ranges.length === 2) {
      return reply(response, 403, {});
    }
    response.writeHead(206, { "content-length": file.length - from });
    if (ranges.length > 1) {
      return void response.end(file.subarray(from));
    }
    response.write(file.subarray(from, 10));
    return void setTimeout(() => response.destroy(), 20);
  });
  return { client, ranges };
}

test("a download goes on with what broke off, and is checked", async () => {
  const file = Buffer.from("0123456789abcdefghij");
  const { client, ranges } = exporting(file);
  const states: string[] = [];
  const onProgress = ({ state }: { state: string }) => states.push(state);
  const got = await (await client).export({}, { onProgress });
  assert.equal(await got.file.text(), file.toString());
  assert.deepEqual(ranges, ["0", "10", "10"]);
  assert.deepEqual(states, ["running", "ready"]);
});

test("a download into a file goes on with what an earlier one left", async () => {
  const folder = await mkdtemp(join(tmpdir(), "files-"));
  const path = join(folder, "log.csv");
  const file = Buffer.from("0123456789abcdefghij");
  await writeFile(`${path}.part`, file.subarray(0, 4));
  const { client, ranges } = exporting(file);
  assert.deepEqual(await exportTo(await client, {}, path), { file: path });
  assert.deepEqual(ranges, ["4", "10", "10"]);
  assert.deepEqual(await readFile(path), file);
  // What is left of another file is thrown away.
  await writeFile(`${path}.part`, "another one");
  await exportTo(await client, {}, path);
  assert.deepEqual(ranges.slice(3), ["11", "0"]);
  assert.deepEqual(await readFile(path), file);
  assert.deepEqual(await readdir(folder), ["log.csv"]);
  await rm(folder, { recursive: true });
});

test("a file that is not the one of the export is an error", async () => {
  const { client } = exporting(Buffer.from("0123456789ab"), "00");
  await assert.rejects((await client).export({}), { name: "DamagedError", message: /SHA-256/ });
});

test("an address must be one", () => {
  assert.throws(() => new Client("api.example", "token"), /must be an address such as/);
});
