// A signed checkpoint: C2SP's signed note, with a line of its own for `sealed_to`.

import { Unable, areEqual, fromBase64, sha256, toHex, utf8 } from "./bytes";
import type { Bytes } from "./bytes";

export interface Checkpoint {
  partner: string;
  size: number;
  root: Bytes;
  /** Up to when the log is sealed. */
  sealedTo: string;
  /** Which key signed it. */
  keyId: string;
}

/** A key as `GET /v1/keys` has it: `<name>+<id>+<base64>`. */
interface Key {
  name: string;
  id: Bytes;
  public: Bytes;
}

const ED25519 = 1;
const LEAF_VERSION = "activity-v1";

async function readKey(text: string): Promise<Key> {
  const [name, id, ...rest] = text.trim().split("+");
  const bytes = fromBase64(rest.join("+"));
  if (!name || bytes[0] !== ED25519 || bytes.length !== 33) throw new Error("this is no key");
  const own = (await sha256(utf8(`${name}\n`), bytes)).slice(0, 4);
  if (toHex(own) !== id) throw new Error("the key has another id");
  return { name, id: own, public: bytes.slice(1) };
}

/** Reads a checkpoint that one of the keys signed; undefined if none did, or it was changed. */
export async function readSigned(note: string, keys: string[]): Promise<Checkpoint | undefined> {
  const end = note.indexOf("\n\n");
  if (end < 0) return undefined;
  const text = note.slice(0, end + 1);
  const [origin, size, root, ...more] = text.split("\n");
  const sealedTo = more.find((line) => line.startsWith("sealed_to "))?.slice("sealed_to ".length);
  if (!origin || !size || !root || !sealedTo) return undefined;
  const lines = note.slice(end + 2).split("\n");
  let checkpoint: Checkpoint | undefined;
  for (const key of await Promise.all(keys.map(readKey))) {
    const [service, partner, version] = splitEnd(origin);
    if (service !== key.name || !partner || version !== LEAF_VERSION) continue;
    for (const signature of signaturesOf(lines, key)) {
      // A wrong signature of a known key spoils the note, whoever else signed it.
      if (!(await isSigned(text, signature, key))) return undefined;
      const keyId = toHex(key.id);
      checkpoint = { partner, size: Number(size), root: fromBase64(root), sealedTo, keyId };
    }
  }
  return checkpoint;
}

/** The parts of an origin: the service, which may have a slash, the partner, and the version. */
function splitEnd(origin: string): [string, string | undefined, string | undefined] {
  const parts = origin.split("/");
  const version = parts.pop();
  const partner = parts.pop();
  return [parts.join("/"), partner, version];
}

function signaturesOf(lines: string[], key: Key): Bytes[] {
  const own = lines.map((line) => line.split(" ")).filter(([dash]) => dash === "—");
  const bytes = own.filter(([, name]) => name === key.name).map(([, , it]) => fromBase64(it ?? ""));
  return bytes.filter((it) => areEqual(it.slice(0, 4), key.id)).map((it) => it.slice(4));
}

async function isSigned(text: string, signature: Bytes, key: Key): Promise<boolean> {
  if (!globalThis.crypto?.subtle) throw new Unable();
  const known = await crypto.subtle
    .importKey("raw", key.public, { name: "Ed25519" }, false, ["verify"])
    .catch((error: unknown) => {
      const isUnknown = error instanceof DOMException && error.name === "NotSupportedError";
      throw isUnknown ? new Unable() : error;
    });
  return crypto.subtle.verify({ name: "Ed25519" }, known, signature, utf8(text));
}
