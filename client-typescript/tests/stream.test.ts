// Against the service on one machine: what is recorded arrives as an event.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Client, newActivity } from "../src/index.js";
import { FIELDS } from "./server.js";

const { BASE = "", TOKEN = "" } = process.env;
const skip = BASE ? false : "BASE and TOKEN name no service";

interface OcsfEvent {
  "detail-type": string;
  detail: { id: string; data: { class_uid: number; metadata: { uid: string } } };
}

/** The event of an activity, among those that the service streams. */
async function eventOf(id: string): Promise<OcsfEvent> {
  const { body } = await fetch(`${BASE}/dev/events`, { signal: AbortSignal.timeout(30_000) });
  let text = "";
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    text += new TextDecoder().decode(chunk);
    const events = text.split("\n").filter((line) => line.startsWith("data:"));
    // The last line may be cut.
    const found = events.slice(0, -1).find((line) => line.includes(`"id":"${id}"`));
    if (found) {
      return JSON.parse(found.slice("data:".length)) as OcsfEvent;
    }
  }
  throw new Error("the stream ended");
}

test("what is recorded arrives as an OCSF event", { skip }, async () => {
  const client = new Client(BASE, TOKEN);
  const { activity } = await client.record(newActivity(FIELDS));
  // Another one, so that the line of the first is whole.
  await client.record(newActivity(FIELDS));
  const { detail, ...event } = await eventOf(activity.id);
  assert.equal(event["detail-type"], "Activity Recorded");
  assert.equal(detail.data.class_uid, 6003);
  assert.equal(detail.data.metadata.uid, activity.id);
});
