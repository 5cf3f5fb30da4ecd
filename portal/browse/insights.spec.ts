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
