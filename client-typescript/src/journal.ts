// The files of an outbox: texts that are appended, read in order, and deleted.
//
// A line is the CRC-32 of the rest, the byte at which its group begins, the text, and a line
// feed. A group is what is written and made durable together. When a machine fails, of the
// last group any part may be missing; nobody was told that it is kept, so it is cut off from
// there. Files are numbered; one that was read to its end is deleted.
// The Rust client has the same files.

import { createReadStream } from "node:fs";
import { type FileHandle, open, readdir, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/** How large a file becomes before the next one is begun. */
const FILE_BYTES = 8 * 2 ** 20;

/** Behind the checksum of a line. */
const CHECKED_AT = 9;

const LINE_FEED = 0x0a;

/** A place in the files: a file's number, and a byte of it. */
export interface Place {
  number: number;
  byte: number;
}

/** Whether a place comes before another one. */
export function isBefore(a: Place, b: Place): boolean {
  return a.number < b.number || (a.number === b.number && a.byte < b.byte);
}

/** Appends lines to the last file. */
export class Writer {
  readonly #folder: string;
  #file: FileHandle;
  #end: Place;
  /** Whether a write has failed, so that nobody knows what the file holds. */
  #isBroken = false;

  private constructor(folder: string, file: FileHandle, end: Place) {
    this.#folder = folder;
    this.#file = file;
    this.#end = end;
  }

  /** Opens the last file of a folder, without the part of a line at its end. */
  static async open(folder: string): Promise<Writer> {
    const number = (await numbers(folder)).at(-1) ?? 1;
    const file = await open(pathOf(folder, number), "a");
    try {
      const byte = await wholeBytes(pathOf(folder, number));
      await file.truncate(byte);
      await file.sync();
      await syncFolder(folder);
      return new Writer(folder, file, { number, byte });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Behind the last line. */
  get end(): Place {
    return this.#end;
  }

  /**
   * Appends texts without line feeds, and returns when the disk has them.
   *
   * After an error nothing more is appended, because nobody knows what the disk has.
   */
  async append(texts: string[]): Promise<Place> {
    if (this.#isBroken) {
      throw new Error("an earlier write has failed");
    }
    try {
      return await this.#appendGroup(texts);
    } catch (error) {
      this.#isBroken = true;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #appendGroup(texts: string[]): Promise<Place> {
    if (this.#end.byte >= FILE_BYTES) {
      await this.#beginNext();
    }
    const { number, byte } = this.#end;
    const lines = Buffer.concat(texts.map((text) => lineOf(byte, text)));
    await this.#file.appendFile(lines);
    await this.#file.datasync();
    this.#end = { number, byte: byte + lines.length };
    return this.#end;
  }

  async #beginNext(): Promise<void> {
    const number = this.#end.number + 1;
    const file = await open(pathOf(this.#folder, number), "ax");
    const before = this.#file;
    this.#file = file;
    await before.close();
    await syncFolder(this.#folder);
    this.#end = { number, byte: 0 };
  }
}

/** Some lines that follow each other. */
export interface Lines {
  texts: string[];
  /** Behind the last of them. */
  end: Place;
}

/** Reads lines from a place up to another, as many as are allowed, at least one. */
export async function readLines(
  folder: string,
  from: Place,
  to: Place,
  { countMax, bytesMax }: { countMax: number; bytesMax: number },
): Promise<Lines> {
  const texts: string[] = [];
  let end = from;
  let bytes = 0;
  while (isBefore(end, to)) {
    for await (const line of linesFrom(pathOf(folder, end.number), end.byte)) {
      if (!isBefore(end, to)) {
        break;
      }
      const text = parsed(line)?.text;
      if (text === undefined) {
        throw new Error(`the line at byte ${end.byte} of ${nameOf(end.number)} is damaged`);
      }
      bytes += line.length;
      if (texts.length > 0 && (texts.length >= countMax || bytes > bytesMax)) {
        return { texts, end };
      }
      texts.push(text);
      end = { number: end.number, byte: end.byte + line.length };
    }
    if (end.number >= to.number) {
      break;
    }
    const next = (await numbers(folder)).find((number) => number > end.number);
    end = { number: next ?? to.number, byte: 0 };
  }
  return { texts, end };
}

/** Deletes the files before a place. */
export async function deleteBefore(folder: string, place: Place): Promise<void> {
  for (const number of await numbers(folder)) {
    if (number < place.number) {
      await unlink(pathOf(folder, number));
    }
  }
}

/** How many bytes lie between two places. */
export async function bytesBetween(folder: string, from: Place, to: Place): Promise<number> {
  let bytes = 0;
  for (const number of await numbers(folder)) {
    if (number >= from.number && number <= to.number) {
      bytes += (await stat(pathOf(folder, number))).size;
    }
  }
  return Math.max(0, bytes - from.byte);
}

/** The first place that is not before a place and that exists. */
export async function firstPlace(folder: string, from: Place, end: Place): Promise<Place> {
  const number = (await numbers(folder)).find((number) => number >= from.number) ?? end.number;
  const place = number === from.number ? from : { number, byte: 0 };
  return isBefore(place, end) ? place : end;
}

/** A text as a line of the group that begins at a byte. */
export function lineOf(start: number, text: string): Buffer {
  const checked = Buffer.from(`${start.toString(16)} ${text}`);
  return Buffer.concat([Buffer.from(`${checksum(checked)} `), checked, Buffer.of(LINE_FEED)]);
}

/** The start of a line's group, and its text; nothing if the line is not whole. */
function parsed(line: Buffer): { start: number; text: string } | undefined {
  const checked = line.subarray(CHECKED_AT, -1);
  const said = line.subarray(0, CHECKED_AT).toString("latin1");
  if (line.at(-1) !== LINE_FEED || said !== `${checksum(checked)} `) {
    return undefined;
  }
  const blank = checked.indexOf(" ");
  const start = Number.parseInt(checked.toString("latin1", 0, blank), 16);
  return Number.isNaN(start) ? undefined : { start, text: checked.toString("utf8", blank + 1) };
}

/**
 * How many bytes of a file are whole lines; what follows them must be of a group that was not
 * made durable.
 */
async function wholeBytes(path: string): Promise<number> {
  let whole = 0;
  let isWhole = true;
  for await (const line of linesFrom(path, 0)) {
    const found = parsed(line);
    if (found && isWhole) {
      whole += line.length;
    } else if (found && found.start > whole) {
      // A group begins behind the damage, so what is damaged was durable.
      throw new Error(`${path}: the line at byte ${whole} is damaged`);
    } else {
      isWhole = false;
    }
  }
  return whole;
}

/** The lines of a file from a byte on, with their line feeds; the last one may lack it. */
async function* linesFrom(path: string, byte: number): AsyncGenerator<Buffer, void> {
  let begun: Buffer[] = [];
  for await (const chunk of createReadStream(path, { start: byte })) {
    let rest = chunk as Buffer;
    for (let at = rest.indexOf(LINE_FEED); at >= 0; at = rest.indexOf(LINE_FEED)) {
      yield Buffer.concat([...begun, rest.subarray(0, at + 1)]);
      begun = [];
      rest = rest.subarray(at + 1);
    }
    if (rest.length > 0) {
      begun.push(rest);
    }
  }
  if (begun.length > 0) {
    yield Buffer.concat(begun);
  }
}

/** The CRC-32 of each byte, as zlib has it; Node.js has the function itself only since 20.15. */
const CRCS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return crc;
});

/** The CRC-32 of bytes, in eight hexadecimal digits. */
export function checksum(bytes: Uint8Array): string {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc = (CRCS[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return (~crc >>> 0).toString(16).padStart(8, "0");
}

function nameOf(number: number): string {
  return `${String(number).padStart(12, "0")}.log`;
}

function pathOf(folder: string, number: number): string {
  return join(folder, nameOf(number));
}

/** The numbers of the files, rising. */
async function numbers(folder: string): Promise<number[]> {
  const found = (await readdir(folder)).flatMap((name) => /^(\d+)\.log$/.exec(name)?.[1] ?? []);
  return found.map(Number).sort((a, b) => a - b);
}

/** Makes the name of a folder durable, whose path is absolute. */
export async function syncName(folder: string): Promise<void> {
  await syncFolder(dirname(folder));
}

/** Makes the names of new files durable. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
