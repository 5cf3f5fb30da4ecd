// Proofs, which the page checks itself: of entries, of exports, and of the log since a
// checkpoint that was kept.

import { readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { daysAgo, expect, signIn, stackAt, startLocal, test as base } from "./stack";
import type { Stack } from "./stack";

const PARTNER = "audited";

/** A service whose log is sealed but for the last days. */
const test = base.extend<object, { stack: Stack }>({
  stack: [
    async ({}, use) => {
      const flags = [`--preload=${PARTNER}=300`, "--variable=MAX_LATENESS_DAYS=1"];
      const { url, child } = await startLocal(flags);
      const stack = stackAt(url);
      // The first entry registers the partner; then two runs of the sealer close and seal.
      await stack.record(PARTNER, [{ customer: { id: "c-1", name: "Today's customer" } }]);
      const authorization = `Bearer ${await stack.token(PARTNER, "admin_agent")}`;
      await expect
        .poll(
          async () => (await fetch(`${url}/v1/checkpoint`, { headers: { authorization } })).status,
          { timeout: 180_000, intervals: [1_000] },
        )
        .toBe(200);
      await use(stack);
      child.kill();
    },
    { scope: "worker", timeout: 300_000 },
  ],
});

/** The days that are sealed. */
const SEALED = `/?from=${daysAgo(300)}&to=${daysAgo(5)}`;

async function openFirst(page: Page) {
  await page
    .getByRole("button", { name: /^Open the entry/ })
    .first()
    .click();
  return page.locator(".details");
}

test("an entry is proven by the browser, and a young one is not sealed yet", async ({ page }) => {
  await signIn(page, { partner: PARTNER }, SEALED);
  const entry = await openFirst(page);
  await expect(entry.getByText("Sealed and proven")).toBeVisible();
  await expect(
    entry.getByText(/^Entry \d+ of \d+ in the log, checked by this browser/),
  ).toBeVisible();
  await expect(entry.getByText(/Signed by the key [0-9a-f]{8}, which/)).toBeVisible();
  await page.goto(`/?from=${daysAgo(0)}&to=${daysAgo(0)}`);
  const young = await openFirst(page);
  await expect(young.getByText(/^Not sealed yet, expected by/)).toBeVisible();
});

for (const [what, path, change] of [
  [
    "the entry",
    /\/v1\/activities\/[^/]+$/,
    (text: string) => text.replace(/"action":"\w/, '"action":"x'),
  ],
  [
    "its leaf",
    /\/proof$/,
    (text: string) => text.replace(/\\"action\\":\\"\w/, '\\"action\\":\\"x'),
  ],
  ["its index", /\/proof$/, (text: string) => text.replace(/"index":(\d+)/, '"index":1$1')],
  ["its salt", /\/proof$/, (text: string) => text.replace(/"salt":"..../, '"salt":"AAAA')],
  ["the checkpoint", /\/proof$/, (text: string) => text.replace("sealed_to 2", "sealed_to 3")],
] as const) {
  test(`a change of ${what} is told loudly`, async ({ page }) => {
    await page.route(path, async (route) => {
      const answer = await route.fetch();
      const [before, after] = [await answer.text(), change(await answer.text())];
      if (route.request().method() === "GET" && answer.ok()) expect(after).not.toBe(before);
      await route.fulfill({ response: answer, body: after });
    });
    await signIn(page, { partner: PARTNER }, SEALED);
    const entry = await openFirst(page);
    const alert = entry.getByRole("alert");
    await expect(alert).toContainText("Not what was sealed");
    await expect(alert).toContainText("Tell your administrator");
    await expect(entry.getByText("Sealed and proven")).toHaveCount(0);
  });
}

test("a browser without Ed25519 says that it can't check", async ({ page }) => {
  await page.addInitScript(() => {
    crypto.subtle.importKey = () =>
      Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"));
  });
  await signIn(page, { partner: PARTNER }, SEALED);
  const entry = await openFirst(page);
  await expect(entry.getByText("This browser can't check proofs")).toBeVisible();
});

test("a checkpoint is kept as a file, and compared when it is dropped", async ({ page, noise }) => {
  await signIn(page, { partner: PARTNER }, SEALED);
  await page.getByRole("button", { name: "Proofs" }).click();
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "Keep today's checkpoint" }).click();
  const download = await saved;
  expect(download.suggestedFilename()).toMatch(/^checkpoint_audited_\d{4}-\d{2}-\d{2}_\d+\.txt$/);
  const note = await readFile(await download.path(), "utf8");
  expect(note).toMatch(/^partner-activity-log\/audited\/activity-v1\n\d+\n/);

  const compare = async (text: string) =>
    page
      .getByLabel("Compare a kept checkpoint")
      .last()
      .setInputFiles({
        name: "kept.txt",
        mimeType: "text/plain",
        buffer: Buffer.from(text),
      });
  await compare(note);
  await expect(page.getByText(/^The log is whole: it had \d+ entries up to/)).toBeVisible();
  await compare(note.replace(/\n(\d+)\n/, "\n1$1\n"));
  await expect(page.getByRole("alert")).toContainText("was changed");
  await compare("Dear diary");
  await expect(page.getByRole("alert")).toContainText("not signed by a known key, or was changed");

  // Dropped anywhere on the page.
  const data = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], "kept.txt", { type: "text/plain" }));
    return transfer;
  }, note);
  await page.dispatchEvent("body", "drop", { dataTransfer: data });
  await expect(page.getByText(/^The log is whole/)).toBeVisible();

  // A service that has forgotten entries.
  await page.route(/\/consistency/, (route) => route.fulfill({ status: 400, json: {} }));
  await compare(note);
  await expect(page.getByRole("alert")).toContainText("fewer entries than were signed");
  expect(noise.splice(0)).toEqual([expect.stringContaining("status of 400")]);
});

test("an export is offered with a proof, which is downloaded beside it", async ({ page }) => {
  await signIn(page, { partner: PARTNER }, SEALED);
  await page.getByRole("button", { name: "Export log" }).click();
  const dialog = page.getByRole("dialog", { name: "Export log" });
  await dialog.getByRole("radio", { name: /^JSON Lines/ }).check();
  await dialog.getByRole("checkbox", { name: "With a proof" }).check();
  const file = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "Start export" }).click();
  expect((await file).suggestedFilename()).toMatch(/\.jsonl$/);
  const proof = page.waitForEvent("download");
  await dialog.getByRole("button", { name: /^Download the proof/ }).click();
  const downloaded = await proof;
  expect(downloaded.suggestedFilename()).toMatch(/\.jsonl\.proof$/);
  const text = await readFile(await downloaded.path(), "utf8");
  expect(text).toContain('"complete":true');
});

test("an export of days that are not sealed has no proof, and the page says so", async ({
  page,
}) => {
  await signIn(page, { partner: PARTNER }, `/?from=${daysAgo(300)}&to=${daysAgo(0)}`);
  await page.getByRole("button", { name: "Export log" }).click();
  const dialog = page.getByRole("dialog", { name: "Export log" });
  await dialog.getByRole("radio", { name: /^JSON Lines/ }).check();
  await dialog.getByRole("checkbox", { name: "With a proof" }).check();
  await dialog.getByRole("button", { name: "Start export" }).click();
  await expect(dialog.getByRole("alert")).toContainText("not sealed to its end yet");
});
