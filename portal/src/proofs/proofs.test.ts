// Proofs, against the examples of `docs/proofs.md`.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseExactly } from "../api/exact";
import { fromBase64, toBase64, toHex, utf8 } from "./bytes";
import type { Bytes } from "./bytes";
import { NotWhole, checkEntry, checkGrowth } from "./check";
import { canonical, commitment, leafOf } from "./leaf";
import { readSigned } from "./note";
import { isGrown, isIncluded, leafHash } from "./tree";

const document = readFileSync(new URL("../../../docs/proofs.md", import.meta.url), "utf8");

/** An example of the document, without the last line break. */
function vector(name: string): string {
  const found = new RegExp(`<!-- vector: ${name} -->\n\`\`\`\\w*\n([^]*?)\n\`\`\``).exec(document);
  if (!found?.[1]) throw new Error(`there is no example ${name}`);
  return found[1];
}

const fromHex = (hex: string): Bytes =>
  Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
const hashes = (name: string) => vector(name).split("\n").map(fromHex);
const digit = (place: number) => leafHash(utf8(String(place)));
const tree = (size: 5 | 7) => ({ size, root: fromHex(vector(`root-${size}`)) });
const activity = parseExactly(vector("activity")) as Record<string, unknown>;
const keys = [vector("key")];
const note = `${vector("checkpoint")}\n`;

describe("what is hashed", () => {
  test("is the canonical form of any value", () => {
    expect(canonical(parseExactly(vector("value")))).toBe(vector("canonical"));
  });

  test("is the leaf with its commitment", async () => {
    const hidden = await commitment(activity, fromHex(vector("salt")));
    expect(hidden).toBe(vector("commitment"));
    expect(leafOf(activity, hidden)).toBe(vector("leaf"));
    expect(toHex(await leafHash(utf8(vector("leaf"))))).toBe(vector("leaf-hash"));
  });
});

describe("the tree", () => {
  test("has each leaf at its place alone", async () => {
    const path = hashes("inclusion");
    expect(await isIncluded(await digit(4), 4, tree(7), path)).toBe(true);
    for (const place of [0, 1, 2, 3, 5, 6, 7, -1, 4.5]) {
      expect(await isIncluded(await digit(4), place, tree(7), path)).toBe(false);
    }
    expect(await isIncluded(await digit(3), 4, tree(7), path)).toBe(false);
    expect(await isIncluded(await digit(4), 4, tree(7), path.slice(1))).toBe(false);
    expect(await isIncluded(await digit(4), 4, tree(7), [...path, ...path])).toBe(false);
  });

  test("only grows", async () => {
    const path = hashes("consistency");
    expect(await isGrown(tree(5), tree(7), path)).toBe(true);
    expect(await isGrown(tree(7), tree(7), [])).toBe(true);
    expect(await isGrown(tree(7), tree(5), path)).toBe(false);
    expect(await isGrown({ ...tree(5), root: tree(7).root }, tree(7), path)).toBe(false);
    expect(await isGrown({ ...tree(7), root: tree(5).root }, tree(7), [])).toBe(false);
    for (const place of path.keys()) {
      const other = path.filter((_, own) => own !== place);
      expect(await isGrown(tree(5), tree(7), other)).toBe(false);
    }
  });
});

describe("a checkpoint", () => {
  test("is read if a known key signed it", async () => {
    const read = await readSigned(note, keys);
    expect(read).toMatchObject({ partner: "contoso", size: 7, keyId: "1cc758f9" });
    expect(read?.sealedTo).toBe("2026-11-25T00:00:00.000Z");
    expect(await readSigned(note, [])).toBeUndefined();
  });

  test("is refused with any character changed", async () => {
    const end = note.indexOf("\n\n");
    for (let place = 0; place < end; place++) {
      const other = note[place] === "x" ? "y" : "x";
      const changed = note.slice(0, place) + other + note.slice(place + 1);
      const read = await readSigned(changed, keys).catch(() => undefined);
      expect(read, changed).toBeUndefined();
    }
  });
});

describe("an entry", () => {
  // The tree of the example has other leaves, so the path ends at another root.
  const proof = {
    index: 4,
    leaf: vector("leaf"),
    salt: toBase64(fromHex(vector("salt"))),
    path: hashes("inclusion").map(toBase64),
    checkpoint: note,
  };
  const fault = (own: Record<string, unknown>, its: typeof proof) =>
    checkEntry(own, its, keys).then(
      () => undefined,
      (error: unknown) => (error instanceof NotWhole ? error.fault : error),
    );

  test("is compared with its leaf before its place is looked at", async () => {
    expect(await fault(activity, proof)).toBe("place");
    expect(await fault({ ...activity, outcome: "failed" }, proof)).toBe("entry");
    expect(await fault({ ...activity, details: {} }, proof)).toBe("entry");
    expect(await fault({ ...activity, partner_id: "fabrikam" }, proof)).toBe("partner");
    const { salt: _, ...unsalted } = proof;
    expect(await fault(activity, unsalted as typeof proof)).toBe("entry");
    const changed = { ...proof, checkpoint: note.replace("\n7\n", "\n8\n") };
    expect(await fault(activity, changed)).toBe("signature");
  });
});

test("two logs of one size are a fork, and other growth is a change", async () => {
  const answer = { from_size: 7, path: [], checkpoint: note };
  const grown = await checkGrowth(note, () => Promise.resolve(answer), keys);
  expect(grown.now.size).toBe(7);
  const path = [toBase64(fromBase64("AAAA"))];
  const other = checkGrowth(note, () => Promise.resolve({ ...answer, path }), keys);
  await expect(other).rejects.toMatchObject({ fault: "fork" });
  await expect(checkGrowth("no note", () => Promise.resolve(answer), keys)).rejects.toMatchObject({
    fault: "signature",
  });
});
