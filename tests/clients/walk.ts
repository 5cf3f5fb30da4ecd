// Records, lists, exports and downloads with the types of openapi-typescript, through openapi-fetch.

import { strict as assert } from "node:assert";
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/openapi.ts";
import { RefusedError, record as recordOnce } from "./retry.ts";

type Schemas = components["schemas"];

const PATIENCE_MS = 60_000;
const { BASE: baseUrl = "", TOKEN: token = "" } = process.env;
const api = createClient<paths>({
  baseUrl,
  headers: { authorization: `Bearer ${token}` },
});
const customer: Schemas["Customer"] = {
  id: `c-${randomUUID()}`,
  name: "Relecloud",
};
const actor: Schemas["Actor"] = {
  id: "u-17",
  name: "admin@contoso.example",
  kind: "user",
};
const occurred_at = new Date().toISOString();
const details = { line_items: [{ offer: "Office 365", quantity: 25 }] };

/** The body of an answer that is not an error. */
function body<Body>({ data, error }: { data?: Body; error?: Schemas["Problem"] }): Body {
  assert(data !== undefined, JSON.stringify(error));
  return data;
}

async function record() {
  const activity: Schemas["NewActivity"] = {
    action: "create_order",
    outcome: "succeeded",
    customer,
    actor,
    occurred_at,
    resource: { type: "order", id: "d51a052e" },
    details,
  };
  const params = { header: { "Idempotency-Key": `order-${randomUUID()}` } };
  const first = await api.POST("/v1/activities", { params, body: activity });
  const again = await api.POST("/v1/activities", { params, body: activity });
  assert.deepEqual([first.response.status, again.response.status], [201, 200]);
  assert.deepEqual(body(first), body(again));
  assert.equal(again.response.headers.get("idempotency-replayed"), "true");
  assert.equal(body(first).occurred_at, occurred_at);
  const path = { id: body(first).id };
  const read = body(await api.GET("/v1/activities/{id}", { params: { path } }));
  assert.deepEqual(read.details, details);
}

async function recordBatch() {
  const bare = { outcome: "failed", customer, actor, occurred_at } as const;
  const activities = [
    {
      ...bare,
      action: "cancel_order",
      idempotency_key: `cancel-${randomUUID()}`,
    },
    { ...bare, action: "add_user" },
    { ...bare, action: "Not an action" },
  ];
  const { results } = body(await api.POST("/v1/activities/batch", { body: { activities } }));
  assert.deepEqual(
    results.map((result) => result.status),
    [201, 201, 400],
  );
  assert.deepEqual(results[0]?.activity?.customer, customer);
  assert.equal(results[2]?.problem?.errors?.[0]?.field, "action");
}

async function listPages() {
  const pages: Schemas["ActivityPage"][] = [];
  do {
    const cursor = pages.at(-1)?.next_cursor;
    const query = {
      customer_id: customer.id,
      limit: 2,
      ...(cursor ? { cursor } : {}),
    };
    pages.push(body(await api.GET("/v1/activities", { params: { query } })));
  } while (pages.at(-1)?.next_cursor);
  assert.deepEqual(
    pages.map(({ items }) => items.length),
    [2, 1],
  );
  const conditions = { customer_id: customer.id };
  const group_by: Schemas["GroupField"][] = ["action", "outcome"];
  const counts = await api.GET("/v1/activities/summary", {
    params: { query: { ...conditions, group_by } },
  });
  assert.equal(
    body(counts).groups.reduce((sum, { count }) => sum + count, 0),
    3,
  );
  const outcome: Schemas["Outcome"][] = ["failed", "declined"];
  const failed = await api.GET("/v1/activities", {
    params: { query: { ...conditions, outcome } },
  });
  assert.equal(body(failed).items.length, 2);
}

async function exportAll() {
  const params = { header: { "Idempotency-Key": `report-${randomUUID()}` } };
  const wanted: Schemas["NewExport"] = {
    format: "jsonl",
    customer_id: customer.id,
  };
  let found = body(await api.POST("/v1/exports", { params, body: wanted }));
  const path = { id: found.id };
  const deadline = Date.now() + PATIENCE_MS;
  while (found.state === "queued" || found.state === "running") {
    assert(Date.now() < deadline, JSON.stringify(found));
    await pause(200);
    found = body(await api.GET("/v1/exports/{id}", { params: { path } }));
  }
  assert(found.download && found.file, JSON.stringify(found));
  const file = Buffer.from(await (await fetch(found.download.url)).arrayBuffer());
  assert.equal(file.length, found.file.bytes);
  assert.equal(createHash("sha256").update(file).digest("hex"), found.file.sha256);
  assert.equal(file.toString().split("\n").length - 1, 3);
  assert.equal(found.file.rows, 3);
  const { items } = body(await api.GET("/v1/exports"));
  assert(items.some(({ id }) => id === path.id));
  const deleted = await api.DELETE("/v1/exports/{id}", { params: { path } });
  assert.equal(deleted.response.status, 204);
  const gone = body(await api.GET("/v1/exports/{id}", { params: { path } }));
  assert.equal(gone.state, "expired");
}

async function retry() {
  const activity = { action: "create_order", outcome: "succeeded", customer, actor, occurred_at } as const;
  let failures = 2;
  const failing = createClient<paths>({
    baseUrl,
    headers: { authorization: `Bearer ${token}` },
    fetch: async (request) => {
      // The first answer is lost, and the second request is throttled.
      const answer = failures === 1 ? new Response("{}", { status: 429 }) : await fetch(request);
      failures -= 1;
      if (failures === 1) {
        throw new TypeError("the connection broke");
      }
      return answer;
    },
  });
  const kept = { key: `retry-${randomUUID()}`, activity };
  const stored = await recordOnce(failing, kept);
  const again = await api.POST("/v1/activities", {
    params: { header: { "Idempotency-Key": kept.key } },
    body: activity,
  });
  assert.deepEqual([again.response.status, body(again).id], [200, stored.id]);
  const bad = { key: `bad-${randomUUID()}`, activity: { ...activity, action: "Not an action" } };
  await assert.rejects(recordOnce(api, bad), RefusedError);
}

async function readErrors() {
  const query = { from: "2026-11-30", to: "2026-11-01" };
  const { error } = await api.GET("/v1/activities", { params: { query } });
  assert.equal(error?.code, "invalid_request");
  assert.deepEqual(
    error?.errors?.map(({ field }) => field),
    ["from"],
  );
  const nobody = createClient<paths>({
    baseUrl,
    headers: { authorization: "Bearer none" },
  });
  assert.equal((await nobody.GET("/v1/activities")).error?.message, "Unauthorized");
}

await record();
await recordBatch();
await listPages();
await exportAll();
await retry();
await readErrors();
