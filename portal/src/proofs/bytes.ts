// Bytes, their hashes and their texts.

export type Bytes = Uint8Array<ArrayBuffer>;

/** This browser can't check proofs: it lacks Ed25519, or the page is not served by HTTPS. */
export class Unable extends Error {}

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text);

/** Reads base64 with padding, as RFC 4648 has it. */
export function fromBase64(text: string): Bytes {
  const bytes = Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0));
  if (toBase64(bytes) !== text) throw new Error("this is not base64");
  return bytes;
}

export function toBase64(bytes: Bytes): string {
  return btoa(String.fromCharCode(...bytes));
}

export function toHex(bytes: Bytes): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function sha256(...parts: Bytes[]): Promise<Bytes> {
  if (!globalThis.crypto?.subtle) throw new Unable();
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer()));
}

export function areEqual(one: Bytes, other: Bytes): boolean {
  return one.length === other.length && one.every((byte, place) => byte === other[place]);
}
