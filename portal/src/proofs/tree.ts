// The tree of RFC 6962: what proofs say of it, as RFC 9162 verifies them.

import { areEqual, sha256 } from "./bytes";
import type { Bytes } from "./bytes";

const node = (left: Bytes, right: Bytes) => sha256(Uint8Array.of(1), left, right);

export const leafHash = (leaf: Bytes) => sha256(Uint8Array.of(0), leaf);

/** Goes up until the node has a sibling on its left. */
function up(place: number, last: number): [place: number, last: number] {
  if (place % 2 === 1 || place === 0) return [place, last];
  return up(half(place), half(last));
}

const half = (number: number) => Math.floor(number / 2);

/** Whether the leaf has this index in the tree of this size and root. */
export async function isIncluded(
  leaf: Bytes,
  index: number,
  { size, root }: { size: number; root: Bytes },
  path: Bytes[],
): Promise<boolean> {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  let [place, last, hash] = [index, size - 1, leaf];
  for (const sibling of path) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      hash = await node(sibling, hash);
      [place, last] = up(place, last);
    } else {
      hash = await node(hash, sibling);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && areEqual(hash, root);
}

interface Tree {
  size: number;
  root: Bytes;
}

/** Whether the first leaves of the new tree are the old one. */
export async function isGrown(before: Tree, now: Tree, path: Bytes[]): Promise<boolean> {
  if (!isCount(before.size) || !isCount(now.size)) return false;
  if (before.size === 0 || before.size > now.size) return false;
  if (before.size === now.size) return path.length === 0 && areEqual(before.root, now.root);
  const isPower = Number.isInteger(Math.log2(before.size));
  const [first, ...rest] = isPower ? [before.root, ...path] : path;
  if (!first || (isPower && path.length === 0)) return false;
  let [place, last] = [before.size - 1, now.size - 1];
  while (place % 2 === 1) [place, last] = [half(place), half(last)];
  let [old, own] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      [old, own] = [await node(sibling, old), await node(sibling, own)];
      [place, last] = up(place, last);
    } else {
      own = await node(own, sibling);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && areEqual(old, before.root) && areEqual(own, now.root);
}

/** Larger numbers of entries would not be exact in JavaScript. */
function isCount(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0;
}
