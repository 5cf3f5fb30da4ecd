import { strict as assert } from "node:assert";
import { mock, test } from "node:test";
import { Client, Unavailable } from "../src/index.js";

const TIMEOUT_MS = 12_345;

test("pauses double by the contract and are never shorter than Retry-After", async () => {
  let count = 0;
  const busy = async () => {
    count += 1;
    return new Response("{}", { status: 429, headers: count === 2 ? { "retry-after": "7" } : {} });
  };
  const client = new Client("http://127.0.0.1:1", "token", { timeoutMs: TIMEOUT_MS, fetch: busy });
  const pauses: number[] = [];
  const real = setTimeout;
  const timer = mock.method(globalThis, "setTimeout", (act: () => void, ms: number) => {
    if (ms !== TIMEOUT_MS) {
      pauses.push(ms);
    }
    return real(act, ms === TIMEOUT_MS ? ms : 0);
  });
  await assert.rejects(client.get("x"), Unavailable);
  timer.mock.restore();
  assert.equal(count, 9);
  const least = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000];
  assert.equal(pauses.length, least.length);
  assert.equal(pauses[1], 7_000);
  for (const [place, pause] of pauses.entries()) {
    const first = least[place] ?? 0;
    assert(place === 1 || (pause >= first && pause <= 2 * first), `pause ${place}: ${pause}`);
  }
});
