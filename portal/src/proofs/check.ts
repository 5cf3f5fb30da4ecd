// Checks proofs in the browser, with nothing of the service but what is checked.

import { parseExactly } from "../api/exact";
import type { components } from "../api/openapi";
import { fromBase64, utf8 } from "./bytes";
import { commitment, leafOf } from "./leaf";
import { readSigned } from "./note";
import type { Checkpoint } from "./note";
import { isGrown, isIncluded, leafHash } from "./tree";

type Schemas = components["schemas"];
export type EntryProof = Schemas["ActivityProof"];
export type GrowthProof = Schemas["ConsistencyProof"];

/** What is wrong; each is a word of the page. */
export type Fault = "signature" | "partner" | "entry" | "place" | "shorter" | "fork" | "changed";

/** It is not what was sealed and signed. */
export class NotWhole extends Error {
  constructor(readonly fault: Fault) {
    super(fault);
  }
}

export interface ProvenEntry {
  index: number;
  checkpoint: Checkpoint;
  /** Whether name and details are proven too; those of an erased entry are not. */
  isWhole: boolean;
}

/** Checks that an activity, as the page shows it, is in the log at its place. */
export async function checkEntry(
  activity: Record<string, unknown>,
  proof: EntryProof,
  keys: string[],
): Promise<ProvenEntry> {
  const checkpoint = await signed(proof.checkpoint, keys);
  if (activity["partner_id"] !== checkpoint.partner) throw new NotWhole("partner");
  const leaf = parseExactly(proof.leaf) as Record<string, unknown>;
  const isWhole = proof.salt !== undefined;
  const hidden = isWhole
    ? await commitment(activity, fromBase64(proof.salt ?? ""))
    : String(leaf["hidden"]);
  if (!isWhole && !isErased(activity)) throw new NotWhole("entry");
  if (leafOf(activity, hidden) !== proof.leaf) throw new NotWhole("entry");
  const hash = await leafHash(utf8(proof.leaf));
  const path = proof.path.map(fromBase64);
  if (!(await isIncluded(hash, proof.index, checkpoint, path))) throw new NotWhole("place");
  return { index: proof.index, checkpoint, isWhole };
}

/** Whether an activity says that it was erased, and has neither name nor details. */
function isErased({ erased_at, customer, details }: Record<string, unknown>): boolean {
  const { name } = (customer ?? {}) as { name?: unknown };
  const isNameless = customer === undefined || name === "[erased]";
  return typeof erased_at === "string" && isNameless && details === undefined;
}

export interface Growth {
  before: Checkpoint;
  now: Checkpoint;
}

/** Checks that the log only grew since a checkpoint that somebody kept. */
export async function checkGrowth(
  kept: string,
  proof: (fromSize: number) => Promise<GrowthProof>,
  keys: string[],
): Promise<Growth> {
  const before = await signed(kept, keys);
  const { checkpoint, path } = await proof(before.size);
  const now = await signed(checkpoint, keys);
  if (before.partner !== now.partner) throw new NotWhole("partner");
  if (now.size < before.size) throw new NotWhole("shorter");
  if (await isGrown(before, now, path.map(fromBase64))) return { before, now };
  throw new NotWhole(now.size === before.size ? "fork" : "changed");
}

async function signed(note: string, keys: string[]): Promise<Checkpoint> {
  const checkpoint = await readSigned(note, keys);
  if (!checkpoint) throw new NotWhole("signature");
  return checkpoint;
}
