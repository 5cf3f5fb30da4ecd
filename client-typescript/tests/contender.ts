// A process of the lock test: it takes the lock of a folder again and again, and dies or gives it
// back. It says `held` each time, and `twice` if another process has the lock too.

import { closeSync, openSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { lock } from "../src/lock.js";

const [folder = "", until = ""] = process.argv.slice(2);
const mark = join(folder, "mark");

while (Date.now() < Number(until)) {
  const held = await lock(folder).catch(() => undefined);
  if (held) {
    try {
      closeSync(openSync(mark, "wx"));
    } catch {
      process.stdout.write("twice\n");
      process.exit();
    }
    await pause(5 * Math.random());
    process.stdout.write("held\n");
    unlinkSync(mark);
    if (Math.random() < 0.5) {
      process.kill(process.pid, "SIGKILL");
    }
    await new Promise((resolve) => held.close(resolve));
  }
  await pause(5 * Math.random());
}
