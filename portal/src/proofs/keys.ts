// The keys that sign checkpoints, and since when this browser knows them.
//
// The service names its keys itself, so the page says which key signed and how long it has
// known it: a key that is suddenly new is one to ask about.

import { recall, remember } from "../remembered";
import { today } from "../range";

const STORED = "proof_keys";

/** The day on which this browser first saw each key, by its text. */
type Known = Record<string, string>;

export function noteKeys(keys: string[]) {
  const known = knownKeys();
  const unknown = keys.filter((key) => !(key in known));
  if (unknown.length === 0) return;
  const day = today("UTC");
  remember(
    STORED,
    JSON.stringify({ ...known, ...Object.fromEntries(unknown.map((key) => [key, day])) }),
  );
}

/** The day on which this browser first saw the key with this id, such as `2026-11-28`. */
export function knownSince(keyId: string): string {
  const found = Object.entries(knownKeys()).find(([key]) => key.split("+")[1] === keyId);
  return found?.[1] ?? today("UTC");
}

function knownKeys(): Known {
  try {
    const known = JSON.parse(recall(STORED) ?? "{}") as unknown;
    return typeof known === "object" && known !== null ? (known as Known) : {};
  } catch {
    return {};
  }
}
