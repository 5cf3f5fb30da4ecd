// The chart, its numbers, and the names with the most entries.

import { script } from "./script";
import { daysAgo, expect, rows, signIn, test } from "./stack";

/** The noon of a day in the range, which has ten. */
const AT = (day: number) => `${daysAgo(11 - day)}T12:00:00Z`;
const RANGE = `from=${daysAgo(10)}&to=${daysAgo(1)}&time_zone=UTC`;

const IN_WORDS = new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeZone: "UTC" });

test("insights count what the list shows, and a click filters", async ({ page, stack }) => {
  const [relecloud, fabrikam] = [
    { id: "c-1", name: "Relecloud" },
    { id: "c-2", name: "Fabrikam" },
  ];
  await stack.record("insights", [
    { occurred_at: AT(2), customer: relecloud },
    { occurred_at: AT(2), customer: relecloud, action: "create_referral" },
    { occurred_at: AT(5), customer: relecloud },
    { occurred_at: AT(5), customer: fabrikam },
  ]);
  await signIn(page, { partner: "insights" }, `/?${RANGE}&panel=insights`);
  const insights = page.getByRole("region", { name: "Insights" });
  await expect(insights.getByText("4 entries", { exact: true })).toBeVisible();
  await insights.getByText("The numbers as a table").click();
  const day = (day: number) =>
    insights.getByRole("row", { name: new RegExp(IN_WORDS.format(new Date(AT(day)))) });
  await expect(insights.locator("tbody tr")).toHaveCount(10);
  await expect(day(2).getByRole("cell")).toHaveText(["2", "1", "1"]);
  await expect(day(5).getByRole("cell")).toHaveText(["2", "2", "0"]);
  await expect(day(9).getByRole("cell")).toHaveText(["0", "0", "0"]);

  await insights.getByRole("tab", { name: "Top customers" }).click();
  await insights.getByRole("button", { name: /Relecloud/ }).click();
  await expect(page).toHaveURL(/customer_id=c-1/);
  await expect(page.getByText("Affected customer: Relecloud")).toBeVisible();
  await expect(insights.getByText("3 entries", { exact: true })).toBeVisible();
  await expect(rows(page)).toHaveCount(3);

  await insights.getByRole("button", { name: "Referrals" }).click();
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole("button", { name: "Clear all" }).click();
  await expect(rows(page)).toHaveCount(4);

  // The second of the two days with orders.
  await page.locator(`.chart path[name="Orders and subscriptions"]`).last().click();
  await expect(page).toHaveURL(new RegExp(`from=${daysAgo(6)}&to=${daysAgo(6)}`));
  await expect(rows(page)).toHaveCount(2);
});

test("a click on a year's chart shows the day", async ({ page }) => {
  await signIn(page, {}, `/?from=${daysAgo(364)}&to=${daysAgo(0)}&time_zone=UTC&panel=insights`);
  const area = page.locator(".chart .recharts-area-area").first();
  await expect(area).toBeVisible();
  const box = (await page.locator(".chart .recharts-cartesian-grid").boundingBox()) ?? {
    x: 0,
    y: 0,
    width: 0,
    height: 0,
  };
  // As a hand does it: the pointer comes before the click.
  await page.mouse.move(box.x + box.width - 200, box.y + box.height / 2);
  await expect(page.locator(".recharts-tooltip-wrapper")).toBeVisible();
  await page.mouse.click(box.x + box.width - 200, box.y + box.height / 2);
  const day = new RegExp("from=([-0-9]{10})&to=\\1");
  await expect(page).toHaveURL(day);
  await expect(rows(page).first()).toBeVisible();
});

test("every label below a year's bars is whole, and below its bar", async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 720 });
  await signIn(page, {}, `/?from=${daysAgo(364)}&to=${daysAgo(0)}&time_zone=UTC&panel=insights`);
  const labels = page.locator(".recharts-xAxis-tick-labels text");
  const marks = page.locator(".recharts-xAxis-tick-lines line");
  // The axis is as wide as its numbers, which come with the counts.
  const insights = page.getByRole("region", { name: "Insights" });
  await expect(insights.getByText(/^[\d,]+ entries$/)).toBeVisible();
  await expect(labels.first()).toBeVisible();
  const edge = (await page.locator(".chart").boundingBox()) ?? { x: 0, width: 0 };
  const all = (await labels.all()).entries();
  for (const [place, label] of all) {
    const [box, at] = [await label.boundingBox(), await marks.nth(place).boundingBox()];
    const [left, right] = [box?.x ?? 0, (box?.x ?? 0) + (box?.width ?? 0)];
    expect(right).toBeLessThanOrEqual(edge.x + edge.width);
    expect(Math.abs((left + right) / 2 - (at?.x ?? 0)), "beside its bar").toBeLessThan(2);
  }
});

test("Other shows what its bars count, also actions that the page does not know", async ({
  page,
  stack,
}) => {
  await stack.record("others", [
    { occurred_at: AT(3), action: "rotate_signing.key" },
    { occurred_at: AT(3), action: "azure_fraud_event_detected" },
    { occurred_at: AT(4) },
  ]);
  await signIn(page, { partner: "others" }, `/?${RANGE}&panel=insights`);
  const insights = page.getByRole("region", { name: "Insights" });
  await insights.getByRole("button", { name: "Other", exact: true }).click();
  await expect(insights.getByText("2 entries", { exact: true })).toBeVisible();
  await expect(rows(page)).toHaveCount(2);
  await expect(rows(page).getByText("Rotate signing key")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Remove the filter|^Action: / })).toHaveCount(2);
});

test("a click anywhere above a day shows it, and exporting leaves the insights open", async ({
  page,
  stack,
}) => {
  await stack.record("bands", [
    { occurred_at: AT(2) },
    ...Array.from({ length: 30 }, () => ({ occurred_at: AT(5) })),
  ]);
  await signIn(page, { partner: "bands" }, `/?${RANGE}&panel=insights`);
  const bar = page.locator(`.chart path[name="Orders and subscriptions"]`).first();
  await expect(bar).toBeVisible();
  await page.getByRole("button", { name: "Export log" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  const box = await bar.boundingBox();
  await page.mouse.click((box?.x ?? 0) + (box?.width ?? 0) / 2, (box?.y ?? 0) - 100);
  await expect(page).toHaveURL(new RegExp(`from=${daysAgo(9)}&to=${daysAgo(9)}`));
  await expect(rows(page)).toHaveCount(1);
});

const SUMMARY = "**/v1/activities/summary?*";

/** An answer with groups, and to which day it has counted if the range goes on. */
function counted(groups: unknown[], next_cursor?: string, day = 10) {
  const json = { groups, complete: !next_cursor, from: AT(1), to: AT(10), settled: false };
  return { json: { ...json, ...(next_cursor ? { next_cursor, read_to: AT(day) } : {}) } };
}

test("insights send one request, and one more for each list of names that is opened", async ({
  page,
  stack,
}) => {
  // Few, because on a busy machine a count of many may take several requests.
  await stack.record("requests", [{ occurred_at: AT(2) }, { occurred_at: AT(5) }]);
  const asked: (string | null)[] = [];
  page.on("request", (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (pathname.endsWith("/summary")) asked.push(searchParams.getAll("group_by").join());
  });
  await signIn(page, { partner: "requests" }, `/?${RANGE}&panel=insights`);
  const insights = page.getByRole("region", { name: "Insights" });
  const top = insights.getByRole("tabpanel").getByRole("button").first();
  await expect(insights.getByText("2 entries", { exact: true })).toBeVisible();
  await expect(insights.getByRole("button", { name: "Orders and subscriptions" })).toBeVisible();
  await expect(top).toBeVisible();
  expect(asked).toEqual(["day,action"]);
  for (const name of ["Top customers", "Top partner users", "Top customers"]) {
    await insights.getByRole("tab", { name }).click();
    await expect(top).toBeVisible();
  }
  expect(asked).toEqual(["day,action", "customer", "actor"]);
});

test("counting shows what it has, and is stopped and gone on with", async ({ page }) => {
  const service = await script(page, SUMMARY);
  const day = (day: number, count: number) => ({
    day: AT(day).slice(0, 10),
    action: "create_order",
    count,
  });
  service.answer(counted([day(10, 1000)], "one"));
  await signIn(page, {}, `/?${RANGE}&panel=insights`);
  const insights = page.getByRole("region", { name: "Insights" });
  await expect(insights).toContainText("Counted 1,000 so far, newest first.");
  await insights.getByRole("button", { name: "Stop" }).click();
  service.answer(counted([day(10, 100), day(6, 134)], "two", 6));
  await expect(insights).toContainText("Counting stopped: 1,234 so far, newest first.");
  const reached = IN_WORDS.format(new Date(AT(6)));
  await expect(insights).toContainText(`Read at least back to ${reached}.`);
  const value = await insights.getByRole("progressbar").getAttribute("value");
  expect(Number(value)).toBeCloseTo(4 / 10);
  await expect(insights.getByRole("button", { name: /^Created an order/ })).toContainText("1,234");
  expect(service.asked()).toHaveLength(2);

  await insights.getByRole("button", { name: "Go on" }).click();
  service.answer(counted([day(6, 1)]));
  await expect(insights.getByText("1,235 entries", { exact: true })).toBeVisible();
  await expect(insights).toBeFocused();
  expect(service.asked().map((query) => query.get("cursor"))).toEqual([null, "one", "two"]);
});

test("an error while counting keeps what was counted, and goes on from there", async ({
  page,
  noise,
}) => {
  const service = await script(page, SUMMARY);
  const customer = { id: "c-1", name: "Relecloud" };
  service.answer(counted([{ day: daysAgo(2), action: "create_order", count: 3 }]));
  await signIn(page, {}, `/?${RANGE}&panel=insights`);
  const insights = page.getByRole("region", { name: "Insights" });
  await expect(insights.getByText("3 entries", { exact: true })).toBeVisible();
  const failure = { status: 500, json: { status: 500, request_id: "r-1" } };
  service.answer(counted([{ customer, count: 2 }], "one"), failure, failure, failure);
  await insights.getByRole("tab", { name: "Top customers" }).click();
  await expect(insights.getByRole("alert")).toContainText("Request ID r-1");
  await expect(insights.getByRole("button", { name: "Relecloud" })).toContainText("2");
  service.answer(counted([{ customer, count: 1 }]));
  await insights.getByRole("button", { name: "Try again" }).click();
  await expect(insights.getByRole("button", { name: "Relecloud" })).toContainText("3");
  await expect(insights.getByRole("alert")).toHaveCount(0);
  noise.length = 0;
});
