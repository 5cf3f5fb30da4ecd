// Exports into files; for Node.js.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, stat, unlink } from "node:fs/promises";
import type { Export, NewExport } from "./activity.js";
import type { Client } from "./client.js";
import {
  check,
  DamagedError,
  fetchRest,
  type Sink,
  type Wanted,
  wantedFiles,
  type WaitOptions,
} from "./export.js";

/** How a file is downloaded. */
export interface FileOptions extends WaitOptions {
  /** Told how many bytes of the file are there. */
  onBytes?: (bytes: number) => void;
}

/** Files that were downloaded and checked. */
export interface DownloadedFiles {
  /** The path of the exported file. */
  file: string;
  /** The path of its proof, if it was asked for. */
  proof?: string;
}

/** Exports into a file, as one call: asks, waits, downloads and checks. */
export async function exportTo(
  client: Client,
  request: NewExport,
  path: string,
  options: FileOptions = {},
): Promise<DownloadedFiles> {
  const asked = await client.createExport(request, undefined, options);
  return downloadTo(client, await client.waitForExport(asked, options), path, options);
}

/**
 * Downloads the file of an export that is ready, and its proof beside it, and checks both.
 *
 * What an earlier download left goes on. The file has its name only when it is whole.
 */
export async function downloadTo(
  client: Client,
  ready: Export,
  path: string,
  options: FileOptions = {},
): Promise<DownloadedFiles> {
  const [wanted, wantedProof] = wantedFiles(ready);
  await fetchFile(client, ready, wanted, path, options);
  if (!wantedProof) {
    return { file: path };
  }
  const proof = `${path}.proof`;
  await fetchFile(client, ready, wantedProof, proof, { signal: options.signal });
  return { file: path, proof };
}

/** Goes on with what an earlier download left; if that was of another file, begins again. */
async function fetchFile(
  client: Client,
  ready: Export,
  wanted: Wanted,
  path: string,
  options: FileOptions,
): Promise<void> {
  const wasBegun = await stat(`${path}.part`).catch(() => undefined);
  try {
    await fetchPart(client, ready, wanted, path, options);
  } catch (error) {
    if (!wasBegun || !(error instanceof DamagedError)) {
      throw error;
    }
    await fetchPart(client, ready, wanted, path, options);
  }
}

async function fetchPart(
  client: Client,
  ready: Export,
  wanted: Wanted,
  path: string,
  options: FileOptions,
): Promise<void> {
  const partial = `${path}.part`;
  const file = await open(partial, "a");
  try {
    const part = await Part.of(partial, file, options.onBytes);
    await fetchRest(client, ready, wanted, part, options.signal);
    await file.sync();
    check(wanted, part.bytes, part.sha256());
  } catch (error) {
    if (error instanceof DamagedError) {
      // Another download would only go on with it.
      await unlink(partial);
    }
    throw error;
  } finally {
    await file.close();
  }
  await rename(partial, path);
}

/** The part of a file that is there. */
class Part implements Sink {
  bytes = 0;
  #hash = createHash("sha256");
  readonly #file: FileHandle;
  readonly #onBytes: FileOptions["onBytes"];

  private constructor(file: FileHandle, onBytes: FileOptions["onBytes"]) {
    this.#file = file;
    this.#onBytes = onBytes;
  }

  /** Hashes what is there already; the next byte is written behind it. */
  static async of(path: string, file: FileHandle, onBytes: FileOptions["onBytes"]): Promise<Part> {
    const part = new Part(file, onBytes);
    for await (const chunk of createReadStream(path)) {
      part.#count(chunk as Buffer);
    }
    return part;
  }

  async clear(): Promise<void> {
    await this.#file.truncate(0);
    this.#hash = createHash("sha256");
    this.bytes = 0;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#file.appendFile(bytes);
    this.#count(bytes);
    this.#onBytes?.(this.bytes);
  }

  sha256(): string {
    return this.#hash.digest("hex");
  }

  #count(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.bytes += bytes.length;
  }
}
