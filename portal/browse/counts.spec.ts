// How many entries of the period each value has that the filters offer.

import type { Page } from "@playwright/test";
import { script } from "./script";
import { daysAgo, expect, signIn, test } from "./stack";

const RANGE = `from=${daysAgo(10)}&to=${daysAgo(1)}&time_zone=UTC`;
const AT = `${daysAgo(3)}T12:00:00Z`;

function asked(page: Page): string[] {
  const queries: string[] = [];
  page.on("request", (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (pathname.endsWith("/summary")) queries.push(searchParams.toString());
  });
  return queries;
}

test("values are counted when their filter is opened, once for each period", async ({
  page,
  stack,
}) => {
  await stack.record("values", [
    { occurred_at: AT },
    { occurred_at: AT, outcome: "failed" },
    { occurred_at: AT, action: "rotate_signing.key" },
  ]);
  const queries = asked(page);
  await signIn(page, { partner: "values" }, `/?${RANGE}&outcome=failed`);
  await page.getByRole("button", { name: "Filters" }).click();
  const failed = page.getByRole("checkbox", { name: "Failed" });
  await expect(failed).toBeChecked();
  await expect(page.getByText("1 entry of this period matches the filters")).toBeVisible();
  expect(queries).toEqual([]);

  const actions = page.getByRole("combobox", { name: "Action" });
  await actions.click();
  const option = (name: string) => page.getByRole("menuitemcheckbox", { name });
  await expect(option("Created an order")).toHaveText(/2$/);
  await expect(option("Added a customer")).toHaveText(/0$/);
  await expect(option("Rotate signing key"), "an action of the log").toHaveText(/1$/);
  await page.keyboard.press("Escape");
  await expect(page.getByText("The numbers count all entries of the period")).toBeVisible();
  await expect(page.getByRole("checkbox", { name: "Succeeded 2" })).toBeVisible();
  await expect(page.getByRole("checkbox", { name: "Failed 1" })).toBeVisible();
  await page.getByRole("button", { name: "Show counts" }).click();
  await expect(page.getByRole("checkbox", { name: "Failed", exact: true })).toBeVisible();
  await actions.click();
  await expect(option("Created an order")).toHaveText(/2$/);
  expect(queries).toHaveLength(1);
  expect(queries[0]).toContain("group_by=action&group_by=outcome");
  expect(queries[0]).not.toContain("outcome=failed");

  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "7 days" }).click();
  await expect(page.getByRole("checkbox", { name: "Failed", exact: true })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("checkbox", { name: "Failed 1" })).toBeVisible();
  expect(queries).toHaveLength(1);
});

test("counts that are not whole say so, and counting rests while they are not shown", async ({
  page,
  noise,
}) => {
  const service = await script(page, "**/v1/activities/summary?*");
  const counted = (count: number, next_cursor?: string) => ({
    json: {
      groups: [{ action: "create_order", outcome: "failed", count }],
      ...(next_cursor ? { next_cursor } : {}),
    },
  });
  service.answer(counted(1200, "one"));
  await signIn(page, {}, `/?${RANGE}`);
  await page.getByRole("button", { name: "Filters" }).click();
  const shown = page.getByRole("button", { name: "Show counts" });
  await shown.click();
  await expect(page.getByRole("checkbox", { name: "Failed 1,200+" })).toBeVisible();
  await expect(page.getByText("Counted 1,200 so far")).toBeVisible();
  await shown.click();
  service.answer(counted(34, "two"));
  await expect(page.getByRole("checkbox", { name: "Failed", exact: true })).toBeVisible();
  await shown.click();
  await expect(page.getByRole("checkbox", { name: "Failed 1,234+" })).toBeVisible();

  const failure = { status: 500, json: { status: 500, request_id: "r-1" } };
  service.answer(failure, failure, failure);
  await expect(page.getByRole("alert")).toContainText("Request ID r-1");
  await expect(page.getByRole("checkbox", { name: "Failed 1,234+" })).toBeVisible();
  service.answer(counted(1));
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("checkbox", { name: "Failed 1,235", exact: true })).toBeVisible();
  expect(service.asked().map((query) => query.get("cursor"))).toEqual([
    null,
    "one",
    "two",
    "two",
    "two",
    "two",
  ]);
  noise.length = 0;
});
