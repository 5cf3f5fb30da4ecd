// Keeps activities in files until they are recorded; for Node.js.
//
// An activity that was handed over is on the disk; from there it is recorded, once, however
// often the process or the service fails. One process at a time may have an outbox.

import { mkdir, open, readFile, rename, writeFile } from "node:fs/promises";
import type { Server } from "node:net";
import { join, resolve } from "node:path";
import { activityJson, type NewActivity } from "./activity.js";
import type { Client } from "./client.js";
import { BYTES_MAX, byteLength, COUNT_MAX, deliver } from "./delivery.js";
import { reasons, Refused } from "./error.js";
import * as journal from "./journal.js";
import { isBefore, type Place } from "./journal.js";
import { lock } from "./lock.js";
import { pause } from "./time.js";

/** The most activities that are made durable together. */
const GROUP_MAX = 1_000;

/** How often a batch is sent again before the outbox says what is wrong and waits. */
const REPEATED_MAX = 2;

/** How an outbox behaves. */
export interface OutboxOptions {
  /**
   * How many bytes of files may wait to be recorded; default 1 GiB, a million activities or
   * more. Beyond it nothing can be handed over.
   */
  bytesMax?: number;
}

/** A text that waits for the disk, and who waits for it. */
interface HandOver {
  text: string;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** A folder of activities that are being recorded. */
export class Outbox {
  readonly #client: Client;
  readonly #folder: string;
  readonly #bytesMax: number;
  readonly #lock: Server;
  readonly #writer: journal.Writer;
  readonly #end = new AbortController();
  readonly #delivering: Promise<void>;
  readonly #queue: HandOver[] = [];
  #writing: Promise<void> | undefined;
  #delivered: Place;
  #waitingBytes: number;
  #trouble: string | undefined;
  #closing: Promise<boolean> | undefined;
  /** Called when more is on the disk, or more is delivered. */
  #forChange: (() => void)[] = [];

  private constructor(
    client: Client,
    folder: string,
    { bytesMax = 2 ** 30 }: OutboxOptions,
    opened: Opened,
  ) {
    this.#client = client;
    this.#folder = folder;
    this.#bytesMax = bytesMax;
    this.#lock = opened.lock;
    this.#writer = opened.writer;
    this.#delivered = opened.start;
    this.#waitingBytes = opened.waitingBytes;
    this.#delivering = this.#deliver();
  }

  /**
   * Opens or makes an outbox in a folder of its own, and delivers what is in it.
   *
   * What the service refuses is not tried again: it goes to the file `refused.jsonl`, with the
   * reason.
   */
  static async open(client: Client, folder: string, options: OutboxOptions = {}): Promise<Outbox> {
    // It holds names, so nobody else may open it.
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // The process may go to another folder.
    const path = resolve(folder);
    await journal.syncName(path);
    const held = await lock(path);
    try {
      return new Outbox(client, path, options, await opened(path, held));
    } catch (error) {
      held.close();
      throw error;
    }
  }

  /**
   * Hands an activity over; when this returns it is on the disk, and will be recorded.
   *
   * After an error it may be there all the same: hand over the same activity again, with its
   * key, and it is recorded once.
   */
  async handOver(activity: NewActivity): Promise<void> {
    const text = activityJson(activity);
    const bytes = byteLength(text);
    if (this.#closing) {
      throw new Error("the outbox is closed");
    }
    if (this.#waitingBytes + bytes > this.#bytesMax) {
      throw new Error("the outbox can't take more: it is full");
    }
    this.#waitingBytes += bytes;
    const written = new Promise<void>((resolve, reject) => {
      this.#queue.push({ text, resolve, reject });
    });
    this.#writing ??= this.#write();
    await written;
  }

  /** How many bytes wait to be recorded, about. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Why nothing can be recorded at the moment; nothing if it can. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /**
   * Waits until everything that was handed over is recorded or refused; returns whether that was
   * so in time.
   */
  async flush(timeMaxMs: number): Promise<boolean> {
    const end = this.#writer.end;
    const until = performance.now() + timeMaxMs;
    while (isBefore(this.#delivered, end)) {
      const left = until - performance.now();
      if (left <= 0) {
        return false;
      }
      await this.#change(left);
    }
    return true;
  }

  /** Waits as `flush` does, and then until nobody has the folder any more. */
  close(timeMaxMs: number): Promise<boolean> {
    this.#closing ??= this.#close(timeMaxMs);
    return this.#closing;
  }

  async #close(timeMaxMs: number): Promise<boolean> {
    await this.#writing;
    const isEmpty = await this.flush(timeMaxMs);
    this.#end.abort(new Error("the outbox is closed"));
    this.#changed();
    await this.#delivering;
    await this.#writer.close();
    await new Promise((resolve) => this.#lock.close(resolve));
    return isEmpty;
  }

  /** Writes what is handed over; whatever waits meanwhile is written together. */
  async #write(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0, GROUP_MAX);
      try {
        await this.#writer.append(group.map(({ text }) => text));
        group.forEach(({ resolve }) => resolve());
      } catch (cause) {
        const reason = "the outbox can't take more: its file can't be written";
        const error = new Error(`${reason}: ${reasons(cause)}`, { cause });
        group.forEach(({ reject }) => reject(error));
      }
      this.#changed();
    }
    this.#writing = undefined;
  }

  /** Delivers what is on the disk, until the outbox is closed. */
  async #deliver(): Promise<void> {
    const { firstPauseMs, pauseMaxMs } = this.#client.http.retries;
    const { signal } = this.#end;
    let wait = 0;
    while (!signal.aborted) {
      const to = this.#writer.end;
      if (!isBefore(this.#delivered, to)) {
        await this.#change();
        continue;
      }
      try {
        this.#delivered = await this.#deliverNext(this.#delivered, to);
        this.#trouble = undefined;
        wait = 0;
        this.#changed();
      } catch (error) {
        this.#trouble = signal.aborted ? this.#trouble : reasons(error);
        wait = Math.min(Math.max(wait * 2, firstPauseMs), pauseMaxMs);
        await pause(wait, signal).catch(() => undefined);
      }
    }
  }

  /** Delivers the next lines; returns the place behind them. */
  async #deliverNext(from: Place, to: Place): Promise<Place> {
    const { http } = this.#client;
    const limits = { countMax: COUNT_MAX, bytesMax: BYTES_MAX };
    const { texts, end } = await journal.readLines(this.#folder, from, to, limits);
    // Few repetitions, so that whoever asks soon learns what is wrong.
    const retries = { ...http.retries, count: Math.min(REPEATED_MAX, http.retries.count) };
    const results = await deliver(http, texts, retries, this.#end.signal);
    const refused = texts.flatMap((text, place) => {
      const result = results[place];
      return result instanceof Refused ? refusedLine(text, result) : [];
    });
    await note(this.#folder, end, refused.join(""));
    const bytes = texts.reduce((sum, text) => sum + byteLength(text), 0);
    // Of what was there at the opening, more was counted than the texts.
    const isEmpty = !isBefore(end, this.#writer.end) && !this.#writing;
    this.#waitingBytes = isEmpty ? 0 : Math.max(0, this.#waitingBytes - bytes);
    return end;
  }

  /** Returns at the next change, or after a time. */
  #change(timeMaxMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const end = new AbortController();
      this.#forChange.push(() => {
        end.abort();
        resolve();
      });
      if (timeMaxMs !== undefined) {
        pause(timeMaxMs, end.signal).then(resolve, () => undefined);
      }
    });
  }

  #changed(): void {
    this.#forChange.splice(0).forEach((resolve) => resolve());
  }
}

/** What is found in a folder. */
interface Opened {
  lock: Server;
  writer: journal.Writer;
  start: Place;
  waitingBytes: number;
}

/** Finds where the lines of a folder begin and end. */
async function opened(folder: string, held: Server): Promise<Opened> {
  const writer = await journal.Writer.open(folder);
  const note = await readFile(join(folder, "delivered"), "utf8").catch(() => "");
  const [, number = 0, byte = 0] = /^(\d+) (\d+)\s*$/.exec(note) ?? [];
  // What is delivered again is found by its key.
  const delivered = { number: Number(number), byte: Number(byte) };
  const start = await journal.firstPlace(folder, delivered, writer.end);
  const waitingBytes = await journal.bytesBetween(folder, start, writer.end);
  return { lock: held, writer, start, waitingBytes };
}

/** A refused activity, as it was handed over, with the reason. */
function refusedLine(text: string, { status, message }: Refused): string {
  return `{"status":${status},"reason":${JSON.stringify(message)},"activity":${text}}\n`;
}

/**
 * Keeps what was refused, deletes files that are not needed any more, and notes how far was
 * delivered.
 */
async function note(folder: string, end: Place, refused: string): Promise<void> {
  if (refused) {
    const file = await open(join(folder, "refused.jsonl"), "a");
    try {
      await file.appendFile(refused);
      await file.datasync();
    } finally {
      await file.close();
    }
  }
  // A full disk gets room first; a file that is gone counts as delivered.
  await journal.deleteBefore(folder, end);
  const noted = writeFile(join(folder, "delivered.new"), `${end.number} ${end.byte}\n`);
  // Without the note, more is delivered again after an opening, and found by its key.
  await noted
    .then(() => rename(join(folder, "delivered.new"), join(folder, "delivered")))
    .catch(() => undefined);
}
