// Exports: waited for, downloaded and checked.

import type { Export } from "./activity.js";
import type { Client } from "./client.js";
import { Unavailable } from "./error.js";
import { answered } from "./http.js";
import { type CallOptions, pause } from "./time.js";

/** How long is waited between two looks at an export that is not ready. */
const PAUSE_MS = 1_000;

/** How often a download may break off without a byte in between. */
const STUCK_MAX = 5;

/** How an export is waited for. */
export interface WaitOptions extends CallOptions {
  /** Told each time how far the export is. */
  onProgress?: (seen: Export) => void;
}

/** Files that were downloaded and checked. */
export interface Download {
  /** The exported file. */
  file: Blob;
  /** Its proof, if it was asked for. */
  proof?: Blob;
}

/** One of an export's two files, as the service describes it. */
export interface Wanted {
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
  link: "url" | "proof_url";
}

/** Where a file is put while it comes. */
export interface Sink {
  /** How many bytes of it are there. */
  bytes: number;
  clear(): Promise<void>;
  write(bytes: Uint8Array): Promise<void>;
}

/** A downloaded file is not the one that the service describes. */
export class DamagedError extends Error {
  override readonly name = "DamagedError";
}

export async function waitForExport(
  client: Client,
  begun: Export,
  { signal, onProgress }: WaitOptions,
): Promise<Export> {
  for (let seen = begun; ; seen = await client.getExport(seen.id, { signal })) {
    onProgress?.(seen);
    if (seen.state === "ready") {
      return seen;
    }
    if (seen.state !== "queued" && seen.state !== "running") {
      const detail = seen.failure?.detail ?? "it has no file";
      throw new Error(`the export ended as ${seen.state}: ${detail}`);
    }
    await pause(PAUSE_MS, signal);
  }
}

/** The files of an export that is ready: the first one is the exported file. */
export function wantedFiles({ file }: Export): [Wanted, Wanted?] {
  if (!file) {
    throw new Error("the export is not ready: it has no file");
  }
  const { bytes, sha256, proof } = file;
  const wanted: Wanted = { bytes, sha256, link: "url" };
  return proof
    ? [wanted, { bytes: proof.bytes, sha256: proof.sha256, link: "proof_url" }]
    : [wanted];
}

export async function download(
  client: Client,
  ready: Export,
  { signal }: CallOptions,
): Promise<Download> {
  const [wanted, wantedProof] = wantedFiles(ready);
  const file = await intoMemory(client, ready, wanted, signal);
  if (!wantedProof) {
    return { file };
  }
  return { file, proof: await intoMemory(client, ready, wantedProof, signal) };
}

async function intoMemory(
  client: Client,
  ready: Export,
  wanted: Wanted,
  signal: AbortSignal | undefined,
): Promise<Blob> {
  let parts: Uint8Array<ArrayBuffer>[] = [];
  const sink = {
    bytes: 0,
    async clear() {
      parts = [];
      this.bytes = 0;
    },
    async write(bytes: Uint8Array) {
      parts.push(new Uint8Array(bytes));
      this.bytes += bytes.length;
    },
  };
  await fetchRest(client, ready, wanted, sink, signal);
  const file = new Blob(parts);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  const found = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  check(wanted, sink.bytes, found);
  return file;
}

/** Throws unless a file is the one that the service describes. */
export function check(wanted: Wanted, bytes: number, sha256: string): void {
  if (bytes !== wanted.bytes || sha256 !== wanted.sha256) {
    const what = bytes === wanted.bytes ? "SHA-256" : "length";
    throw new DamagedError(`the file's ${what} is not that of the export`);
  }
}

/** Fetches what a sink does not have yet, and goes on with what broke off. */
export async function fetchRest(
  client: Client,
  ready: Export,
  wanted: Wanted,
  sink: Sink,
  signal: AbortSignal | undefined,
): Promise<void> {
  let links = ready.download;
  let stuck = 0;
  let cause: unknown;
  while (sink.bytes < wanted.bytes) {
    const before = sink.bytes;
    try {
      // The first link may have expired.
      links ??= (await client.getExport(ready.id, { signal })).download;
      const url = links?.[wanted.link];
      links = undefined;
      if (!url) {
        throw new Error("the answer can't be read: a ready export has no link");
      }
      await pour(client, url, wanted.bytes, sink, signal);
    } catch (error) {
      if (!(error instanceof Unavailable)) {
        throw error;
      }
      cause = error.cause;
    }
    if (sink.bytes >= wanted.bytes) {
      return;
    }
    stuck = sink.bytes > before ? 0 : stuck + 1;
    if (stuck > STUCK_MAX) {
      throw new Unavailable(new Error("the download breaks off", { cause }));
    }
    await pause(PAUSE_MS, signal);
  }
}

/** Writes an answer behind what is there, up to a length. */
async function pour(
  client: Client,
  url: string,
  length: number,
  sink: Sink,
  signal: AbortSignal | undefined,
): Promise<void> {
  await client.http.linked(url, sink.bytes, signal, async (answer, isAlive) => {
    if (answer.status !== 206) {
      // It is the whole file.
      await sink.clear();
    }
    const reader = answer.body?.getReader();
    while (reader && sink.bytes < length) {
      const { done, value } = await answered(reader.read());
      if (done) {
        return;
      }
      isAlive();
      await sink.write(value.subarray(0, length - sink.bytes));
    }
  });
}
