// The page in a browser, over the whole service on this machine.

import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "browse",
  testMatch: process.env["BENCH"] ? "*.bench.ts" : "*.spec.ts",
  // Generous, because others may use the machine too: a page that is right is never slow enough.
  timeout: 120_000,
  expect: { timeout: 30_000 },
  // Two files at a time, each worker with a service of its own.
  workers: 2,
  // A browser on a machine that others use too: one that passes only then is called flaky.
  retries: 1,
  reporter: "line",
  outputDir: "test-results",
  use: {
    actionTimeout: 45_000,
    // Debian's own browser: nothing is downloaded.
    launchOptions: {
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    },
    locale: "en-US",
    timezoneId: "Asia/Seoul",
    viewport: { width: 1280, height: 900 },
    trace: "retain-on-failure",
  },
});
