// Lets one process at a time have a folder.
//
// Node.js cannot lock a file, so the lock is a Unix socket in the folder that somebody listens
// on: the system stops that when the process ends, however it ends, also where the number of a
// process says nothing, as between containers. The socket's file stays when a process is killed.
// It is never taken over, because two could do that at once: who comes next listens on the next
// number, and has the folder if nobody listens on another one then. Of two who come at once,
// the one that looks last sees the other one. Only who has the folder deletes files.
// The Rust client locks the file `lock` instead, and looks for a listener too.

import { readdir, readFile, stat, unlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";

/** The most bytes of a socket's path that Linux and macOS take. */
const PATH_BYTES_MAX = 103;

/** Takes the lock of a folder; closing what it returns gives it back. */
export async function lock(folder: string): Promise<Server> {
  const before = await numbers(folder);
  if ((await isFileLocked(folder)) || (await isAnyListening(folder, before))) {
    throw taken();
  }
  const own = (before.at(-1) ?? 0) + 1;
  const server = await listen(pathOf(folder, own));
  const others = (await numbers(folder)).filter((number) => number !== own);
  // Who had the folder meanwhile may have deleted a socket that nobody listened on yet.
  if ((await isAnyListening(folder, others)) || !(await isListening(pathOf(folder, own)))) {
    server.close();
    throw taken();
  }
  for (const number of others) {
    await unlink(pathOf(folder, number)).catch(() => undefined);
  }
  return server;
}

function taken(): Error {
  return new Error("another process has this outbox");
}

function listen(path: string): Promise<Server> {
  if (process.platform === "win32") {
    throw new Error("an outbox needs Linux or macOS: its lock is a Unix socket");
  }
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw new Error(`${path}: a lock's path must have at most ${PATH_BYTES_MAX} bytes`);
  }
  const server = createServer((socket) => socket.destroy());
  // The lock alone does not keep the process alive.
  server.unref();
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "EADDRINUSE" ? taken() : error);
    });
    // Without `exclusive`, the workers of a cluster would share it.
    server.listen({ path, exclusive: true }, () => resolve(server));
  });
}

async function isAnyListening(folder: string, numbers: number[]): Promise<boolean> {
  const found = numbers.map((number) => isListening(pathOf(folder, number)));
  return (await Promise.all(found)).includes(true);
}

/** Whether a process listens; if that can't be known, one does. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) => {
      resolve(code !== "ECONNREFUSED" && code !== "ENOENT");
    });
  });
}

/** Whether a Rust client has the folder; only Linux says so, of the processes that can be seen. */
async function isFileLocked(folder: string): Promise<boolean> {
  const locks = await readFile("/proc/locks", "utf8").catch(() => "");
  const file = await stat(join(folder, "lock")).catch(() => undefined);
  const isOfFile = (line: string) => line.includes("FLOCK") && line.includes(`:${file?.ino} `);
  return locks.split("\n").some(isOfFile);
}

/** The numbers of the sockets, rising. */
async function numbers(folder: string): Promise<number[]> {
  const found = (await readdir(folder)).flatMap((name) => /^lock\.(\d+)$/.exec(name)?.[1] ?? []);
  return found.map(Number).sort((a, b) => a - b);
}

function pathOf(folder: string, number: number): string {
  return join(folder, `lock.${number}`);
}
