// The period, the list, the filters, and the address that carries them all.

import { gzipSync } from "node:zlib";
import type { Page } from "@playwright/test";
import { BUSY, QUIET, daysAgo, expect, rows, signIn, test } from "./stack";
import type { Stack } from "./stack";

interface Item {
  id: string;
  occurred_at: string;
  customer?: { name: string };
}

/** What the API says for the page's own address, page by page. */
async function listed(stack: Stack, page: Page, limit = 500): Promise<Item[]> {
  const token = await stack.token(BUSY.partner, "admin_agent");
  const query = new URLSearchParams(new URL(page.url()).search);
  for (const name of ["open", "panel"]) query.delete(name);
  query.set("limit", String(limit));
  const items: Item[] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined && items.length < limit;) {
    if (cursor) query.set("cursor", cursor);
    const answer = await fetch(`${stack.url}/v1/activities?${query}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const found = (await answer.json()) as { items: Item[]; next_cursor?: string };
    items.push(...found.items);
    cursor = found.next_cursor;
  }
  return items;
}

/** Scrolls until the list says that there is no more, and how many there are. */
async function scrolledToEnd(page: Page, count: number) {
  const end = page.getByText(`${count} entries of this period match the filters`);
  await expect(async () => {
    await page.mouse.wheel(0, 5_000);
    await expect(end).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: 15_000 });
  await page.mouse.wheel(0, -100_000);
}

/** Waits until what was scrolled to is on the screen. */
function drawn(page: Page) {
  const twoFrames = () =>
    new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return page.evaluate(twoFrames);
}

function shownMoment(moment: string, timeZone: string, locale = "en-US"): string {
  const style = { dateStyle: "medium", timeStyle: "medium", timeZone } as const;
  return new Intl.DateTimeFormat(locale, style).format(new Date(moment)).replaceAll("\u202f", " ");
}

async function firstMoment(page: Page): Promise<string> {
  const text = await rows(page).first().locator("time").innerText();
  return text.replaceAll("\u202f", " ");
}

test("the most recent month comes first, newest on top, in the browser's zone", async ({
  page,
  stack,
}) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Month", exact: true })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
  await expect(page.getByLabel("Time zone")).toHaveValue("Asia/Seoul");
  const [newest] = await listed(stack, page, 1);
  expect(await firstMoment(page)).toBe(shownMoment(newest?.occurred_at ?? "", "Asia/Seoul"));
  const days = new URLSearchParams(new URL(page.url()).search);
  const length = Date.parse(days.get("to") ?? "") - Date.parse(days.get("from") ?? "");
  expect(length / 86_400_000).toBe(30);
});

test("the first load has at most 250 kB of packed JavaScript", async ({ page }) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  const loaded = await page.evaluate(() =>
    performance.getEntriesByType("resource").map(({ name }) => name),
  );
  const scripts = loaded.filter((url) => url.endsWith(".js"));
  expect(scripts.join()).toMatch(/\/assets\/index-[^/]+\.js/);
  const bodies = scripts.map(async (url) => (await fetch(url)).arrayBuffer());
  const sizes = (await Promise.all(bodies)).map((body) => gzipSync(body).length);
  expect(Math.min(...sizes)).toBeGreaterThan(0);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(250_000);
});

test("of 20,000 entries few rows are in the document", async ({ page }) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await page.mouse.wheel(0, 50_000);
  await expect(rows(page).first()).toBeVisible();
  expect(await rows(page).count()).toBeLessThan(60);
});

test("further entries come as one scrolls, each once, and nothing jumps", async ({
  page,
  stack,
}) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  const expected = (await listed(stack, page)).map(({ id }) => id);
  const seen: string[] = [];
  const visible = () =>
    page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>(".entry")].map((entry) => [
        Number(entry.dataset["index"]),
        entry.querySelector("time")?.dateTime ?? "",
      ]),
    ) as Promise<[number, string][]>;
  for (let step = 0; seen.filter(Boolean).length < 300 && step < 200; step++) {
    for (const [index, moment] of await visible()) {
      expect(seen[index] ?? moment).toBe(moment);
      seen[index] = moment;
    }
    await page.mouse.wheel(0, 600);
    await drawn(page);
  }
  const moments = (await listed(stack, page)).map(({ occurred_at }) => occurred_at);
  expect(seen.slice(0, 300)).toEqual(moments.slice(0, 300));
  expect(new Set(expected).size).toBe(500);
  const before = await page.evaluate(() => window.scrollY);
  await expect(page.getByRole("region", { name: "Entries" })).toHaveAttribute("aria-busy", "false");
  await drawn(page);
  expect(await page.evaluate(() => window.scrollY)).toBe(before);
});

test("periods, a typed day and the time zone change the list and the address", async ({
  page,
  stack,
}) => {
  await signIn(page);
  await page.getByRole("button", { name: "Today" }).click();
  const today = await page.getByLabel("To", { exact: true }).inputValue();
  await expect(page.getByLabel("From", { exact: true })).toHaveValue(today);
  await page.getByLabel("Time zone").selectOption("America/New_York");
  await expect(page).toHaveURL(/time_zone=America%2FNew_York/);
  await page.getByRole("button", { name: "7 days" }).click();
  await expect(page.getByRole("columnheader", { name: "New_York" })).toBeVisible();
  const [newest] = await listed(stack, page, 1);
  await expect
    .poll(() => firstMoment(page))
    .toBe(shownMoment(newest?.occurred_at ?? "", "America/New_York"));
  await page.getByRole("button", { name: "Custom", exact: true }).click();
  await expect(page.getByLabel("From", { exact: true })).toBeFocused();
  await page.getByLabel("From", { exact: true }).fill(daysAgo(100));
  await expect(page).toHaveURL(new RegExp(`from=${daysAgo(100)}`));
  await expect(page.getByRole("button", { name: "Custom", exact: true })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
  await page.goBack();
  await expect(page.getByRole("button", { name: "7 days" })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
});

test("a quarter and a year are a click away, and a time of day narrows the list", async ({
  page,
  stack,
}) => {
  await stack.record("hours", [
    { occurred_at: `${daysAgo(3)}T08:29:59Z`, customer: { id: "c-1", name: "Before" } },
    { occurred_at: `${daysAgo(3)}T08:30:00Z`, customer: { id: "c-2", name: "Within" } },
    { occurred_at: `${daysAgo(3)}T17:00:00Z`, customer: { id: "c-3", name: "After" } },
  ]);
  await signIn(page, { partner: "hours" }, "/?time_zone=Asia%2FSeoul");
  for (const [name, days] of [
    ["Quarter", 90],
    ["Year", 365],
  ] as const) {
    await page.getByRole("button", { name }).click();
    await expect(page.getByRole("button", { name })).toHaveAttribute("aria-pressed", "true");
    const query = new URL(page.url()).searchParams;
    const [from, to] = ["from", "to"].map((name) => Date.parse(query.get(name) ?? ""));
    expect(((to ?? 0) - (from ?? 0)) / 86_400_000).toBe(days);
  }
  await expect(rows(page)).toHaveCount(3);
  // 8:30 and 17:00 in UTC, by the clocks of Seoul.
  for (const name of ["From", "To"]) {
    await page.getByLabel(name, { exact: true }).fill(daysAgo(name === "From" ? 3 : 2));
  }
  await page.getByLabel("Start time").fill("17:30");
  await expect(rows(page)).toHaveCount(2);
  await page.getByLabel("End time").fill("02:00");
  await expect(rows(page)).toHaveText([/Within/]);
  await expect(page).toHaveURL(new RegExp(`from=${daysAgo(3)}T17%3A30&to=${daysAgo(2)}T02%3A00`));
  await page.reload();
  await expect(rows(page)).toHaveText([/Within/]);
  await expect(page.getByLabel("Start time")).toHaveValue("17:30");
  await page.getByRole("button", { name: "Insights" }).click();
  await expect(page.getByText("1 entry", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Month", exact: true }).click();
  await expect(page.getByLabel("Start time")).toHaveValue("");
});

test("entries of one correlation id are found by it", async ({ page, stack }) => {
  await stack.record("calls", [{ correlation_id: "call-7" }, {}]);
  await signIn(page, { partner: "calls" });
  await page.getByRole("button", { name: "Filters" }).click();
  await page.getByLabel("Correlation ID").fill("call-7");
  await page.getByRole("button", { name: "Apply filters" }).click();
  await expect(page.getByText("1 entry of this period matches the filters")).toBeVisible();
});

test("columns are chosen in a menu, by the keyboard too, and the browser remembers them", async ({
  page,
  stack,
}) => {
  await stack.record("columns", [
    { correlation_id: "call-7", resource: { type: "order", id: "o-1" } },
  ]);
  await signIn(page, { partner: "columns" });
  await expect(rows(page)).toHaveCount(1);
  const button = page.getByRole("button", { name: "Columns" });
  await button.click();
  await page.getByRole("checkbox", { name: "Correlation ID" }).check();
  await page.getByRole("checkbox", { name: "Resource" }).check();
  await page.getByRole("checkbox", { name: "Partner user" }).uncheck();
  await page.keyboard.press("Escape");
  await expect(button).toBeFocused();
  await expect(page.getByRole("checkbox")).toHaveCount(0);
  const shown = ["", "Date-Time", "Affected", "Action", "Resource", "Correlation ID", "Outcome"];
  const headers = page.getByRole("columnheader");
  const expected = shown.map((name) => new RegExp(name || "Details"));
  await expect(headers).toHaveText(expected);
  await expect(rows(page).getByText("order o-1")).toBeVisible();
  await page.reload();
  await expect(headers).toHaveText(expected);
  await expect(rows(page).getByText("call-7")).toBeVisible();
  await button.click();
  await page.getByRole("heading", { name: "Entries" }).click();
  await expect(page.getByRole("checkbox")).toHaveCount(0);
});

test("a link to the view and one to an entry are copied, and show both to a colleague", async ({
  page,
  stack,
  context,
  browser,
}) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await stack.record("links", [{ customer: { id: "c-1", name: "Fabrikam" } }, {}]);
  await signIn(page, { partner: "links" }, "/?customer=fabrikam");
  const copied = async (name: string) => {
    await page.getByRole("button", { name }).click();
    await expect(page.getByText("Copied")).toBeVisible();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  const view = await copied("Copy a link to this view");
  expect(view).toBe(page.url());
  await page.getByRole("button", { name: /^Open the entry/ }).click();
  const entry = await copied("Copy a link to this entry");
  expect(entry).not.toContain("customer=");
  const colleague = await browser.newPage({ locale: "en-US" });
  await signIn(colleague, { partner: "links", name: "bob" }, entry);
  await expect(rows(colleague)).toHaveCount(2);
  await expect(colleague.locator(".details")).toContainText("Fabrikam");
  await colleague.close();
});

test("From after To is said, and asks for nothing", async ({ page }) => {
  await signIn(page, {}, `/?from=${daysAgo(1)}&to=${daysAgo(2)}&time_zone=UTC`);
  await expect(page.getByText("From must not be after To")).toHaveCount(2);
  await expect(rows(page)).toHaveCount(0);
});

test("a period without entries says so and leads on", async ({ page }) => {
  await signIn(page, { partner: "empty" }, `/?from=${daysAgo(2)}&to=${daysAgo(1)}&time_zone=UTC`);
  await expect(page.getByRole("heading", { name: "No entries in this period" })).toBeVisible();
  await page.getByRole("button", { name: "Show the last month" }).click();
  await expect(page.getByRole("button", { name: "Month", exact: true })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
});

test("filters narrow the list, chips take them away, and the address can be sent", async ({
  page,
  stack,
  browser,
}) => {
  // Two people read a whole list each.
  test.slow();
  await signIn(page);
  await page.getByRole("button", { name: "Filters" }).click();
  await page.getByRole("textbox", { name: "Affected customer" }).fill("RELE");
  await page.getByRole("combobox", { name: "Action" }).click();
  await page.keyboard.type("order");
  await page.getByRole("menuitemcheckbox", { name: "Created an order" }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("checkbox", { name: "Succeeded" }).check();
  await page.getByRole("button", { name: "Apply filters" }).click();
  await expect(page.getByText("Affected customer contains RELE")).toBeVisible();
  const items = await listed(stack, page);
  expect(items.length).toBeGreaterThan(0);
  await scrolledToEnd(page, items.length);
  // At one moment: rows come and go as the list is drawn.
  const shown = await rows(page).allInnerTexts();
  expect(shown.length).toBeGreaterThan(0);
  for (const row of shown) expect(row).toMatch(/Relecloud[^]*Created an order[^]*Succeeded/);

  const colleague = await browser.newPage({ locale: "en-US", timezoneId: "Europe/Berlin" });
  await signIn(colleague, {}, page.url());
  await scrolledToEnd(colleague, items.length);
  expect(await firstMoment(colleague)).toBe(await firstMoment(page));
  await colleague.close();

  await page.getByRole("button", { name: "Affected customer contains RELE" }).click();
  await expect(page).not.toHaveURL(/customer=/);
  await page.getByRole("button", { name: "Clear all" }).click();
  await expect(page).not.toHaveURL(/action=|outcome=/);
});

test("an action that the page does not know is shown and found by its name", async ({
  page,
  stack,
}) => {
  await stack.record(QUIET, [{ action: "rotate_signing.key" }, {}]);
  await signIn(page, { partner: QUIET });
  await expect(page.getByText("Rotate signing key")).toBeVisible();
  await page.getByRole("button", { name: "Filters" }).click();
  await page.getByRole("combobox", { name: "Action" }).click();
  await page.keyboard.type("rotate_signing.key");
  await page.getByRole("menuitemcheckbox", { name: "Rotate signing key" }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Apply filters" }).click();
  await expect(page.getByText("1 entry of this period matches the filters")).toBeVisible();
  await page.getByRole("button", { name: "Clear all" }).click();
  await expect(page.getByText("2 entries, all of this period")).toBeVisible();
});

test("the list of actions leaves the page in sight, and its own field", async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 720 });
  await signIn(page);
  await page.getByRole("button", { name: "Filters" }).click();
  const field = page.getByRole("combobox", { name: "Action" });
  await field.click();
  const list = page.locator(".actions-list");
  await expect(list.getByRole("menuitemcheckbox").first()).toBeVisible();
  const [box, beside] = [await list.boundingBox(), await field.boundingBox()];
  expect(box?.height).toBeLessThanOrEqual(320);
  expect(box?.y).toBeGreaterThanOrEqual((beside?.y ?? 0) + (beside?.height ?? 0));
});

test("a click anywhere on a row opens its entry; on its customer it does not", async ({ page }) => {
  await signIn(page);
  const row = rows(page).first();
  await row.getByText("Succeeded").or(row.locator("time")).first().click();
  await expect(page.locator(".details")).toContainText("Activity ID");
  await row.locator("time").click();
  await expect(page.locator(".details")).toHaveCount(0);
  const portal = page.waitForEvent("popup");
  await rows(page).getByRole("link").first().click();
  await (await portal).close();
  await expect(page.locator(".details")).toHaveCount(0);
  await row.locator("time").dblclick();
  await expect(page.locator(".details"), "a word was selected").toHaveCount(1);
});

test("on a phone the first entry is in sight, and each of its values has its name", async ({
  page,
}) => {
  await page.setViewportSize({ width: 320, height: 700 });
  await signIn(page);
  const row = rows(page).first();
  const names = ["Date-Time", "Affected customer", "Action", "Partner user", "Outcome"];
  for (const name of names) await expect(row.getByText(name, { exact: true })).toBeVisible();
  const box = await row.boundingBox();
  expect((box?.y ?? Infinity) + (box?.height ?? 0)).toBeLessThanOrEqual(700);
  await page.getByRole("button", { name: /^\w+ \d+, \d+ to / }).click();
  await page.getByLabel("From", { exact: true }).fill(daysAgo(3));
  await expect(page).toHaveURL(new RegExp(`from=${daysAgo(3)}`));
});

test("the names of the columns stay in sight", async ({ page }) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await page.mouse.wheel(0, 3_000);
  await expect.poll(() => page.evaluate(() => window.scrollY)).toBeGreaterThan(1_000);
  await expect(page.getByRole("columnheader", { name: "Partner user" })).toBeInViewport();
});

test("of another period the old entries stay until its own are there, from the start", async ({
  page,
}) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await page.mouse.wheel(0, 3_000);
  await expect.poll(() => page.evaluate(() => window.scrollY)).toBeGreaterThan(1_000);
  const list = page.getByRole("region", { name: "Entries" });
  await expect(list).toHaveAttribute("aria-busy", "false");
  await drawn(page);
  let release = () => {};
  const held = new Promise<void>((done) => (release = done));
  await page.route("**/v1/activities?*", async (route) => {
    await held;
    await route.continue();
  });
  const height = () => page.evaluate(() => document.documentElement.scrollHeight);
  const before = await height();
  // Not by a click, which would scroll to the button.
  await page.getByRole("button", { name: "7 days" }).dispatchEvent("click");
  await expect(list).toHaveAttribute("data-old", "true");
  await drawn(page);
  expect(await height()).toBe(before);
  release();
  await expect(list).toHaveAttribute("data-old", "false");
  await expect(page.locator('.entry[data-index="0"]')).toBeInViewport();
});

test("who comes back to a period sees what was recorded since", async ({ page, stack }) => {
  await stack.record("back", [{ customer: { id: "c-1", name: "Before" } }]);
  await signIn(page, { partner: "back" });
  await page.getByRole("button", { name: "Today" }).click();
  await expect(page.getByText("1 entry, all of this period")).toBeVisible();
  await page.getByRole("button", { name: "7 days" }).click();
  await expect(page.getByText("1 entry, all of this period")).toBeVisible();
  await stack.record("back", [{ customer: { id: "c-2", name: "Since" } }]);
  await page.getByRole("button", { name: "Today" }).click();
  await expect(rows(page).getByText("Since")).toBeVisible();
});

test("a day that is no day goes back to the one that is shown", async ({ page }) => {
  await signIn(page);
  const from = page.getByLabel("From", { exact: true });
  const shown = await from.inputValue();
  for (const day of ["", "1999-12-31"]) {
    await from.fill(day);
    await from.blur();
    await expect(from).toHaveValue(shown);
  }
  expect(new URL(page.url()).searchParams.get("from")).toBe(shown);
});

test("what was typed and not applied outlives another period, and a chip that is removed", async ({
  page,
}) => {
  await signIn(page, {}, "/?outcome=failed");
  await page.getByRole("button", { name: "Filters" }).click();
  const customer = page.getByRole("textbox", { name: "Affected customer" });
  await customer.fill("rele");
  await page.getByRole("button", { name: "7 days" }).click();
  await expect(page.getByRole("button", { name: "7 days" })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
  await expect(customer).toHaveValue("rele");
  await page.getByRole("button", { name: "Outcome: Failed" }).click();
  await expect(page).not.toHaveURL(/outcome=/);
  await expect(page.getByRole("checkbox", { name: "Failed" })).not.toBeChecked();
  await expect(customer).toHaveValue("rele");
});

test("a long condition without a space is no wider than the window", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 900 });
  await signIn(page, {}, `/?customer=${"x".repeat(256)}`);
  await expect(page.getByText(/^Affected customer contains x/)).toBeVisible();
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(320);
});

test("a chip keeps its customer's name where the list has none of that customer", async ({
  page,
  stack,
}) => {
  const entry = {
    occurred_at: `${daysAgo(3)}T12:00:00Z`,
    customer: { id: "c-7", name: "Fabrikam" },
  };
  await stack.record("named", [entry]);
  await signIn(page, { partner: "named" });
  await page.getByRole("button", { name: /^Open the entry/ }).click();
  await page.getByRole("button", { name: "Show only this: Affected customer Fabrikam" }).click();
  await page.getByRole("button", { name: "Today" }).click();
  await expect(page.getByRole("heading", { name: /^No entries in this period/ })).toBeVisible();
  await expect(page.getByText("Affected customer: Fabrikam")).toBeVisible();
});
