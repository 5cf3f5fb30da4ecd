// A process of the outbox test: it hands over activities until it is killed, and says the key of
// each when it is on the disk.

import { Client, newActivity } from "../src/index.js";
import { Outbox } from "../src/outbox.js";
import { FAST, FIELDS } from "./server.js";

const [base = "", token = "", folder = "", customer = ""] = process.argv.slice(2);

/** How many hand over at once. */
const TASKS = 5;

const outbox = await Outbox.open(new Client(base, token, { retries: FAST }), folder);

async function handOverForEver(): Promise<never> {
  for (;;) {
    const activity = newActivity({ ...FIELDS, customer: { id: customer, name: "Relecloud" } });
    activity.correlation_id = activity.idempotency_key;
    await outbox.handOver(activity);
    process.stdout.write(`${activity.idempotency_key}\n`);
    await new Promise((resolve) => setTimeout(resolve, 5 * Math.random()));
  }
}

await Promise.all(Array.from({ length: TASKS }, handOverForEver));
