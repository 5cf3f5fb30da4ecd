import { strict as assert } from "node:assert";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { checksum, deleteBefore, firstPlace, lineOf, readLines, Writer } from "../src/journal.js";

const ALL = { countMax: Infinity, bytesMax: Infinity };
const START = { number: 1, byte: 0 };
let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "journal-"));
});

afterEach(() => rm(folder, { recursive: true }));

function firstFile(): string {
  return join(folder, "000000000001.log");
}

/** What a file with these groups has. */
function written(...groups: string[][]): Buffer {
  let bytes = Buffer.alloc(0);
  for (const group of groups) {
    const start = bytes.length;
    bytes = Buffer.concat([bytes, ...group.map((text) => lineOf(start, text))]);
  }
  return bytes;
}

/** What is found in a file with these bytes. */
async function opened(bytes: Buffer): Promise<string[]> {
  await writeFile(firstFile(), bytes);
  const writer = await Writer.open(folder);
  const { texts } = await readLines(folder, START, writer.end, ALL);
  await writer.close();
  return texts;
}

test("the checksum is the CRC-32 of zlib", () => {
  assert.equal(checksum(Buffer.from("123456789")), "cbf43926");
  assert.equal(checksum(Buffer.alloc(0)), "00000000");
});

test("a line has the checksum, the start of its group, and the text", () => {
  const checked = "1f {}";
  const line = `${checksum(Buffer.from(checked))} ${checked}\n`;
  assert.equal(lineOf(31, "{}").toString(), line);
});

test("what was appended is read in order over files and openings", async () => {
  const wanted: string[] = [];
  const long = "x".repeat(5 * 2 ** 20);
  for (let round = 0; round < 3; round += 1) {
    const writer = await Writer.open(folder);
    for (const text of [`one ${round}`, long, "zwei ü"]) {
      await writer.append([text]);
      wanted.push(text);
    }
    await writer.close();
  }
  const writer = await Writer.open(folder);
  const { end } = writer;
  await writer.close();
  assert.equal(end.number, 2);
  const all = await readLines(folder, START, end, ALL);
  assert.deepEqual(all, { texts: wanted, end });
  const some = await readLines(folder, START, end, { ...ALL, countMax: 2 });
  assert.equal(some.texts.length, 2);
  const rest = await readLines(folder, some.end, end, ALL);
  assert.deepEqual(rest.texts, wanted.slice(2));
  await deleteBefore(folder, rest.end);
  assert.deepEqual(await readdir(folder), ["000000000002.log"]);
  assert.deepEqual(await firstPlace(folder, START, end), { number: 2, byte: 0 });
});

test("a group that was cut is cut off wherever it was", async () => {
  const durable = written(["one"]).length;
  const whole = written(["one"], ["two", "three"]);
  for (let cut = durable; cut < whole.length; cut += 1) {
    await writeFile(firstFile(), whole.subarray(0, cut));
    const writer = await Writer.open(folder);
    await writer.append(["four"]);
    const { texts } = await readLines(folder, START, writer.end, ALL);
    await writer.close();
    assert.deepEqual([texts[0], texts.at(-1)], ["one", "four"]);
  }
});

test("a group of which the begin is missing is cut off", async () => {
  const durable = written(["one"]).length;
  const bytes = written(["one"], ["two", "three"]).fill(0, durable, durable + 12);
  assert.deepEqual(await opened(bytes), ["one"]);
});

test("a damaged line that was durable is an error and nothing is lost", async () => {
  const durable = written(["one"]).length;
  const bytes = written(["one"], ["two", "three"], ["four"]);
  bytes[durable + 12] = (bytes[durable + 12] ?? 0) ^ 1;
  await writeFile(firstFile(), bytes);
  await assert.rejects(Writer.open(folder), new RegExp(`byte ${durable} is damaged`));
  assert.deepEqual(await readFile(firstFile()), bytes);
});

test("after a failed write nothing more is appended", async () => {
  const writer = await Writer.open(folder);
  await writer.close();
  await assert.rejects(writer.append(["one"]));
  await assert.rejects(writer.append(["two"]), /an earlier write has failed/);
});
