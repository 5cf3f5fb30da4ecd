// The chart, its numbers, and the names with the most entries.

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

test("every label below a year's bars is whole, and below its bar", async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 720 });
  await signIn(page, {}, `/?from=${daysAgo(364)}&to=${daysAgo(0)}&time_zone=UTC&panel=insights`);
  const labels = page.locator(".recharts-xAxis-tick-labels text");
  const marks = page.locator(".recharts-xAxis-tick-lines line");
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
