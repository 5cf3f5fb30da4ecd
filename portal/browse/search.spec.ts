// A search that takes several requests: what is found, how far it is, and how it is stopped.

import type { Page } from "@playwright/test";
import { script } from "./script";
import { daysAgo, expect, rows, signIn, test } from "./stack";

const LIST = "**/v1/activities?*";
const YEAR = `/?from=${daysAgo(365)}&to=${daysAgo(0)}&time_zone=UTC&outcome=failed`;
const FAILURE = { status: 500, json: { status: 500, request_id: "r-1" } };

const IN_WORDS = new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeZone: "UTC" });

let made = 0;

/** An answer with this many entries of a day, to which it has read if the range goes on. */
function found(count: number, day: string, next_cursor?: string, sealed: object = {}) {
  const items = Array.from({ length: count }, () => ({
    id: `01a20299-4df3-7e8e-a5b1-${String(++made).padStart(12, "0")}`,
    occurred_at: `${day}T12:00:00.000Z`,
    action: "create_order",
    outcome: "failed",
    customer: { id: "c-1", name: "Relecloud" },
    actor: { id: "u-17", name: "admin@contoso.example", kind: "user" },
  }));
  const [from, to] = [`${daysAgo(365)}T00:00:00.000Z`, `${daysAgo(-1)}T00:00:00.000Z`];
  const more = next_cursor ? { next_cursor, read_to: `${day}T12:00:00.000Z` } : {};
  return { json: { items, from, to, settled: false, ...more, ...sealed } };
}

function list(page: Page) {
  return page.getByRole("region", { name: "Entries" });
}

/** How far the bar is, from 0 to 1; null if nobody knows. */
async function share(page: Page): Promise<number | null> {
  const value = await list(page).getByRole("progressbar").getAttribute("value");
  return value === null ? null : Number(value);
}

test("a search shows what it finds and how far it is, and is stopped and gone on with", async ({
  page,
}) => {
  const service = await script(page, LIST);
  service.answer(found(0, daysAgo(30), "one"));
  await signIn(page, {}, YEAR);
  await expect(list(page)).toContainText("Searching: nothing found yet.");
  expect(await share(page)).toBeCloseTo(30 / 366);

  service.answer(found(3, daysAgo(73), "two"));
  await expect(rows(page)).toHaveCount(3);
  await expect(list(page)).toContainText("Searching: 3 entries found.");
  const day = IN_WORDS.format(Date.parse(daysAgo(73)));
  await expect(list(page)).toContainText(`Read at least back to ${day}.`);
  expect(await share(page)).toBeCloseTo(73 / 366);

  await page.getByRole("button", { name: "Stop" }).click();
  await expect(list(page)).toContainText("Search stopped: 3 entries found.");
  await expect(page.getByRole("button", { name: "Go on" })).toBeFocused();
  // The answer that was awaited is not lost, and is the last one.
  service.answer(found(1, daysAgo(200), "three"));
  await expect(list(page)).toContainText("Search stopped: 4 entries found.");
  await expect(list(page)).toHaveAttribute("aria-busy", "false");
  expect(service.asked().map((query) => query.get("cursor"))).toEqual([null, "one", "two"]);

  await page.getByRole("button", { name: "Go on" }).click();
  await expect(page.getByRole("button", { name: "Stop" })).toBeFocused();
  service.answer(found(1, daysAgo(300)));
  await expect(list(page)).toContainText("5 entries of this period match the filters");
  await expect(list(page).getByRole("progressbar")).toHaveCount(0);
  await expect(list(page)).toBeFocused();
  expect(service.asked().at(-1)?.get("cursor")).toBe("three");
});

test("a search rests when a page is full, until somebody asks for more", async ({ page }) => {
  const service = await script(page, LIST);
  service.answer(found(60, daysAgo(9), "one"), found(60, daysAgo(50), "two"));
  await signIn(page, {}, YEAR);
  await expect(list(page)).toContainText("120 entries loaded");
  await expect(list(page)).toHaveAttribute("aria-busy", "false");
  expect(service.asked()).toHaveLength(2);
  // Not by a click, which would scroll to the button and so ask for more.
  await page.getByRole("button", { name: "Load more" }).dispatchEvent("click");
  await expect.poll(() => service.asked().length).toBe(3);
  service.answer(found(0, daysAgo(60), "three"));
  await expect(list(page)).toContainText("Searching: 120 entries found.");
  service.answer(found(1, daysAgo(300)));
  await expect(list(page)).toContainText("121 entries of this period match the filters");
  expect(service.asked()).toHaveLength(4);
});

test("an error in the middle keeps what was found, and the search goes on from there", async ({
  page,
  noise,
}) => {
  const service = await script(page, LIST);
  // A request is sent again twice before it has failed.
  service.answer(found(2, daysAgo(40), "one"), FAILURE, FAILURE, FAILURE);
  await signIn(page, {}, YEAR);
  await expect(page.getByRole("alert")).toContainText("Request ID r-1");
  await expect(rows(page)).toHaveCount(2);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(list(page)).toContainText("Searching: 2 entries found.");
  service.answer(found(1, daysAgo(300)));
  await expect(list(page)).toContainText("3 entries of this period match the filters");
  await expect(rows(page)).toHaveCount(3);
  const cursors = service.asked().map((query) => query.get("cursor"));
  expect(cursors).toEqual([null, "one", "one", "one", "one"]);
  noise.length = 0;
});

test("an answer that is whole at once shows no progress, and a new search is not stopped", async ({
  page,
  noise,
}) => {
  await page.addInitScript(() => {
    const seen = () => document.querySelector("progress") && document.body.classList.add("seen");
    new MutationObserver(seen).observe(document, { childList: true, subtree: true });
  });
  const service = await script(page, LIST);
  service.answer(found(7, daysAgo(9)));
  await signIn(page, {}, YEAR);
  await expect(list(page)).toContainText("7 entries of this period match the filters");
  await expect(page.locator(".seen")).toHaveCount(0);

  service.answer(found(1, daysAgo(9), "one"));
  await page.getByRole("button", { name: "Quarter" }).click();
  await page.getByRole("button", { name: "Stop" }).click();
  service.answer(found(1, daysAgo(20), "two"), found(1, daysAgo(9), "one"));
  await expect(list(page)).toContainText("Search stopped: 2 entries found.");
  await page.getByRole("button", { name: "Refresh" }).click();
  await expect(list(page)).toContainText("Searching: 1 entry found.");
  // The next request of the search is answered by the service, which knows no such cursor.
  await page.goto("about:blank");
  noise.length = 0;
});

test("the period says whether entries may still be added to it", async ({ page }) => {
  const service = await script(page, LIST);
  const sealed = (settled: boolean, day: number) =>
    found(1, daysAgo(9), undefined, { settled, sealed_to: `${daysAgo(day)}T12:00:00.000Z` });
  service.answer(found(1, daysAgo(9)), sealed(true, -2), sealed(false, 10), sealed(false, 400));
  await signIn(page, {}, YEAR);
  const period = page.getByRole("region", { name: "Filters" });
  await expect(period).toContainText("Not sealed: entries may still arrive.");
  await page.getByRole("button", { name: "Quarter" }).click();
  await expect(period).toContainText("Sealed: no more entries can arrive.");
  await page.getByRole("button", { name: "Month" }).click();
  const day = IN_WORDS.format(Date.parse(daysAgo(10)));
  await expect(period).toContainText(`Sealed up to ${day}, 12:00:00 PM`);
  await expect(period).toContainText("later entries may still arrive.");
  await page.getByRole("button", { name: "7 days" }).click();
  await expect(period).toContainText("Not sealed: entries may still arrive.");
});
