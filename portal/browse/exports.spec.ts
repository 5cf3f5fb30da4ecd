// Exports: what is downloaded is what the list shows.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createGunzip, gunzipSync } from "node:zlib";
import type { Download, Page } from "@playwright/test";
import { BUSY, SLOW, daysAgo, expect, rows, signIn, test } from "./stack";
import type { Stack } from "./stack";

/** RFC 4180, as far as a file without line breaks in its cells needs it. */
function cells(line: string): string[] {
  return [...line.matchAll(/"((?:[^"]|"")*)"(?:,|$)/g)].map(([, cell]) =>
    (cell ?? "").replaceAll('""', '"'),
  );
}

async function text(download: Download): Promise<string> {
  return readFile(await download.path(), "utf8");
}

/** Start an export as it is chosen now, and wait for its file. */
async function exported(page: Page): Promise<Download> {
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Start export" }).click();
  return download;
}

test("the file holds the rows of the list, in order, in the list's zone and language", async ({
  page,
  stack,
}) => {
  const names = ["Relecloud", '=1+1, "quoted"', "<img src=x onerror=alert(1)>", "شركة النور"];
  await stack.record(
    "exports",
    names.map((name, place) => ({
      occurred_at: `${daysAgo(20 - place)}T23:30:00Z`,
      customer: { id: `c-${place}`, name },
    })),
  );
  const [from, to] = [daysAgo(21), daysAgo(1)];
  const range = `from=${from}&to=${to}&time_zone=Asia%2FSeoul`;
  await signIn(page, { partner: "exports" }, `/?${range}&resource_type=`);
  await expect(rows(page)).toHaveCount(4);
  const shown = await rows(page).locator(".cell bdi").allInnerTexts();
  expect(shown.filter((_, place) => place % 2 === 0)).toEqual(names.toReversed());

  await page.getByRole("button", { name: "Export log" }).click();
  const download = await exported(page);
  expect(download.suggestedFilename()).toBe(`activity-log_exports_${from}_${to}.csv`);
  const [header, ...lines] = (await text(download)).replace("\uFEFF", "").trimEnd().split("\r\n");
  expect(cells(header ?? "").slice(0, 5)).toEqual([
    "Date-Time (Asia/Seoul)",
    "Affected customer",
    "Action",
    "Action in words",
    "Partner user",
  ]);
  // Inert in a spreadsheet: a quote before what would be run.
  const inert = names.toReversed().map((name) => (name.startsWith("=") ? `'${name}` : name));
  expect(lines.map((line) => cells(line)[1])).toEqual(inert);
  expect(cells(lines[0] ?? "")[0]).toBe(`${daysAgo(16)} 08:30:00`);

  const again = page.waitForEvent("download");
  await page.getByRole("button", { name: /^Download: activity-log/ }).click();
  expect(await text(await again)).toBe(await text(download));

  // The export and both links are entries themselves; the lines are for programs now.
  await page.getByRole("radio", { name: /^JSON Lines/ }).click();
  const jsonl = await exported(page);
  const activities = (await text(jsonl))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { customer?: { name: string } });
  expect(activities.map(({ customer }) => customer?.name).filter(Boolean)).toEqual(
    names.toReversed(),
  );
});

/** The bytes of an export's file, fetched through its link. */
async function file(stack: Stack, partner: string, asked: object): Promise<Buffer> {
  const authorization = `Bearer ${await stack.token(partner, "admin_agent")}`;
  const headers = { authorization, "content-type": "application/json" };
  const body = JSON.stringify(asked);
  const asking = await fetch(`${stack.url}/v1/exports`, { method: "POST", headers, body });
  const { id } = (await asking.json()) as { id: string };
  let url: string | undefined;
  await expect(async () => {
    const answer = await fetch(`${stack.url}/v1/exports/${id}`, { headers });
    url = ((await answer.json()) as { download?: { url: string } }).download?.url;
    expect(url).toBeDefined();
  }).toPass();
  return Buffer.from(await (await fetch(url ?? "")).arrayBuffer());
}

/** A page's way to unpack a file, which refuses what follows the first member. */
async function unpacked(base64: string): Promise<string> {
  const packed = Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
  const rows = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(rows).text();
}

test("Node.js and the browser find all of a gzip file", async ({ page, stack }) => {
  const asked = { from: daysAgo(120), to: daysAgo(1), format: "jsonl" };
  const plain = await file(stack, BUSY.partner, asked);
  expect(plain.length, "bytes that are packed at once").toBeGreaterThan(2 * 1024 * 1024);
  const packed = await file(stack, BUSY.partner, { ...asked, compression: "gzip" });
  expect(gunzipSync(packed).equals(plain)).toBe(true);
  expect((await buffer(Readable.from([packed]).pipe(createGunzip()))).equals(plain)).toBe(true);
  const inBrowser = await page.evaluate(unpacked, packed.toString("base64"));
  expect(inBrowser === plain.toString()).toBe(true);
});

test("Node.js reads one activity from each line", async ({ stack }) => {
  const note = "a\u0085\u2028\u2029b";
  await stack.record("lines", [{ customer: { id: "c-1", name: "a\u2028b" }, details: { note } }]);
  const lines = await file(stack, "lines", { format: "jsonl" });
  const read = [];
  for await (const line of createInterface({ input: Readable.from([lines]) })) read.push(line);
  const [activity] = read.map((line) => JSON.parse(line) as { details: unknown });
  expect(read).toHaveLength(1);
  expect(activity?.details).toEqual({ note });
});

test("in Korean the file's header is Korean, and words are beside the actions' names", async ({
  page,
  stack,
}) => {
  await stack.record("korean", [{ action: "rotate_signing.key" }, {}]);
  await signIn(page, { partner: "korean" });
  await page.getByLabel("Language").selectOption("ko");
  await page.getByRole("button", { name: "로그 내보내기" }).click();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "내보내기 시작" }).click();
  const [header, ...lines] = (await text(await download)).trimEnd().split("\r\n").map(cells);
  expect(header?.slice(1, 5)).toEqual(["영향을 받은 고객", "작업", "작업 이름", "파트너 사용자"]);
  expect(lines.map((line) => line.slice(2, 4)).sort()).toEqual([
    ["create_order", "주문 만들기"],
    // The page has no words for it.
    ["rotate_signing.key", "rotate_signing.key"],
  ]);
});

test("a running export shows its progress, outlives a reload, and can be cancelled", async ({
  page,
}) => {
  const year = `from=${daysAgo(365)}&to=${daysAgo(0)}&time_zone=UTC`;
  await signIn(page, { partner: SLOW.partner }, `/?${year}&panel=exports`);
  await page.getByRole("button", { name: "Start export" }).click();
  const progress = page.getByRole("progressbar", { name: /Waiting|Running/ });
  await expect(progress).toBeVisible();
  await expect(page.getByText(/^[\d,]+ rows? so far$/)).toBeVisible();
  expect(await progress.getAttribute("aria-valuenow"), "how much is left is unknown").toBeNull();
  await page.reload();
  await expect(progress).toBeVisible();
  await page.getByRole("button", { name: /^Cancel:/ }).click();
  await expect(page.getByText("Cancelled", { exact: true })).toBeVisible();
  await expect(progress).toHaveCount(0);
});

test("the drawer says what became of the export, and a small file's size in words", async ({
  page,
  stack,
}) => {
  await stack.record("outcome", [{}]);
  await signIn(page, { partner: "outcome" }, "/?panel=exports");
  await exported(page);
  const drawer = page.getByRole("dialog");
  await expect(drawer.getByText("The file is ready.")).toBeVisible();
  await expect(drawer.getByText("The export has started.")).toHaveCount(0);
  await expect(drawer.getByText(/^1 row, \d+ bytes$/)).toBeVisible();
});

test("an export that a program asked for shows the days and the zone that it asked for", async ({
  page,
  stack,
}) => {
  await stack.record("program", [{}]);
  await file(stack, "program", { from: "2026-03-01", to: "2026-03-02" });
  await signIn(page, { partner: "program" }, "/?panel=exports&time_zone=America%2FNew_York");
  const drawer = page.getByRole("dialog");
  await expect(drawer.getByText("Mar 1, 2026 to Mar 2, 2026, UTC, all entries")).toBeVisible();
});

test("a file that is removed can no longer be downloaded", async ({ page, stack }) => {
  await stack.record("removed", [{}]);
  await signIn(page, { partner: "removed" }, "/?panel=exports");
  await exported(page);
  await page.getByRole("button", { name: /^Remove the file/ }).click();
  await expect(page.getByText("File removed")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Download/ })).toHaveCount(0);
});

test("an export that failed says why", async ({ page, stack }) => {
  await stack.record("failed", [{}]);
  await signIn(page, { partner: "failed" }, "/?panel=exports");
  await exported(page);
  // A workbook that is too large takes hours to make: the answer is turned into its own.
  await page.route("**/v1/exports?*", async (route) => {
    const answer = await route.fetch();
    const page = (await answer.json()) as { items: Record<string, unknown>[] };
    const items = page.items.map(({ file: _, finished_at: __, ...one }) => ({
      ...one,
      state: "failed",
      failure: { code: "too_large", detail: "more than a workbook holds" },
    }));
    await route.fulfill({ json: { items } });
  });
  await page.reload();
  await expect(page.getByText(/The file would be too large/)).toBeVisible();
});

test("too many exports are refused in words", async ({ page, noise }) => {
  await page.route("**/v1/exports", (route) =>
    route.fulfill({
      status: 429,
      json: { code: "too_many_exports", detail: "5 exports are under way", request_id: "r-1" },
    }),
  );
  await signIn(page, { partner: "many" }, "/?panel=exports");
  await page.getByRole("button", { name: "Start export" }).click();
  await expect(page.getByRole("alert")).toContainText("As many exports as allowed are running");
  noise.length = 0;
});

test("a file that cannot be fetched is said, beside the list and at the file", async ({
  page,
  stack,
  noise,
}) => {
  await stack.record("refused", [{}]);
  // Before the page is there: one that is on its way does not see it yet.
  await page.route("**/v1/exports/*", (route) => route.abort());
  await signIn(page, { partner: "refused" }, "/?panel=exports");
  await page.getByRole("button", { name: "Start export" }).click();
  await page.getByRole("button", { name: /^Download/ }).click();
  await expect(page.getByRole("alert")).toContainText("The service does not answer");
  await page.keyboard.press("Escape");
  await expect(page.getByText(/is ready, but could not be downloaded/)).toBeVisible();
  noise.length = 0;
});

test("an export is downloaded although its panel was closed before it had begun", async ({
  page,
  stack,
}) => {
  await stack.record("closed", [{}]);
  let answer = () => {};
  const closed = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/v1/exports", async (route) => {
    const response = await route.fetch();
    await closed;
    await route.fulfill({ response });
  });
  await signIn(page, { partner: "closed" }, "/?panel=exports");
  const download = page.waitForEvent("download");
  const asked = page.waitForRequest((request) => request.method() === "POST");
  await page.getByRole("button", { name: "Start export" }).click();
  await asked;
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Start export" })).toHaveCount(0);
  answer();
  expect(await text(await download)).toContain("Date-Time");
});

test("that a file is being downloaded is said, and not for ever", async ({ page, stack }) => {
  await stack.record("notice", [{}]);
  await page.clock.install();
  await signIn(page, { partner: "notice" }, "/?panel=exports");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Start export" }).click();
  const notice = page.getByText(/is ready and is being downloaded/);
  await expect(async () => {
    await page.clock.runFor(500);
    await expect(notice).toHaveCount(1, { timeout: 100 });
  }).toPass();
  await download;
  await page.clock.runFor(10_000);
  await expect(notice).toHaveCount(0);
});

test("exports that another tab started are there when the list is opened again", async ({
  page,
  stack,
  context,
}) => {
  await stack.record("tabs", [{}]);
  await signIn(page, { partner: "tabs" });
  await page.getByRole("button", { name: "Export log" }).click();
  await expect(page.getByText("No exports yet")).toBeVisible();
  await page.keyboard.press("Escape");
  const other = await context.newPage();
  await other.goto("/?panel=exports");
  await exported(other);
  await page.getByRole("button", { name: "Export log" }).click();
  await expect(page.getByRole("button", { name: /^Download/ })).toBeVisible();
});
