import { strict as assert } from "node:assert";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { lock } from "../src/lock.js";

/** How many processes want the lock, and for how long. */
const CONTENDERS = 8;
const CONTENTION_MS = 4_000;

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lock-"));
});

afterEach(() => rm(folder, { recursive: true }));

const hasFlock = spawnSync("flock", ["--version"]).status === 0;

test("a folder that a Rust client has is refused", { skip: !hasFlock }, async () => {
  const path = join(folder, "lock");
  const child = spawn("flock", [path, "sh", "-c", "echo locked; read line"]);
  await once(child.stdout, "data");
  await assert.rejects(lock(folder), /another process has this outbox/);
  child.stdin.end("\n");
  await once(child, "exit");
  (await lock(folder)).close();
});

test("of many who come at once, one gets the lock, also when a dead one is in the way", async () => {
  await writeFile(join(folder, "lock.7"), "");
  const tried = await Promise.allSettled(Array.from({ length: 20 }, () => lock(folder)));
  const held = tried.flatMap((it) => (it.status === "fulfilled" ? [it.value] : []));
  assert.equal(held.length, 1);
  assert.deepEqual(await readdir(folder), ["lock.8"]);
  held[0]?.close();
});

test("processes that die with it and give it back never have it at the same time", async () => {
  const program = fileURLToPath(new URL("contender.js", import.meta.url));
  const until = Date.now() + CONTENTION_MS;
  let said = "";
  const contend = async () => {
    while (Date.now() < until) {
      const child = spawn(process.execPath, [program, folder, `${until}`], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      child.stdout.on("data", (chunk) => (said += String(chunk)));
      await once(child, "close");
    }
  };
  await Promise.all(Array.from({ length: CONTENDERS }, contend));
  const times = (what: string) => said.split("\n").filter((line) => line === what).length;
  assert.equal(times("twice"), 0);
  assert(times("held") > CONTENDERS, said);
});
