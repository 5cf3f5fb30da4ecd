// An opened entry.

import { expect, signIn, test } from "./stack";

const LINES = Array.from({ length: 25 }, (_, line) => ({
  offer: `Offer ${line}`,
  quantity: line,
}));

/** Beyond what JavaScript's numbers hold. */
const PRECISE = "12345678901234567890";

/** A number that JavaScript would write with other characters. */
const PRICE = "1.50";

test("an order opens with all its fields, its lines as a table, and its JSON as it is", async ({
  page,
  stack,
  context,
}) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  // As in a browser that does not tell a reviver the source text of a number.
  await page.addInitScript(() => {
    const parse = JSON.parse;
    JSON.parse = (text, reviver) =>
      parse(text, reviver && ((key, value: unknown) => reviver(key, value) as unknown));
    delete (JSON as { rawJSON?: unknown }).rawJSON;
  });
  const details = {
    line_items: LINES,
    reference: "PRECISE",
    price: "PRICE",
    note: "long ".repeat(200),
    approved: true,
    address: { city: "Seoul", lines: [] },
  };
  // The numbers go out as digits, which a JavaScript number would not keep.
  const raw = JSON.stringify(details).replace('"PRECISE"', PRECISE).replace('"PRICE"', PRICE);
  const order = {
    resource: { type: "order", id: "d51a052e" },
    correlation_id: "call-7",
    details: JSON.parse(raw, (_, value: unknown) => value) as unknown,
  };
  const token = await stack.token("orders", "activity_recorder");
  const answer = await fetch(`${stack.url}/v1/activities`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({
      action: "create_order",
      outcome: "in_progress",
      customer: { id: "c/1", name: "Relecloud" },
      actor: { id: "u-17", name: "admin@contoso.example", kind: "user" },
      ...order,
      details: "DETAILS",
    }).replace('"DETAILS"', raw),
  });
  const { id } = (await answer.json()) as { id: string };

  await signIn(page, { partner: "orders" });
  await page.getByRole("button", { name: "Open the entry: Created an order, Relecloud" }).click();
  const entry = page.locator(".details");
  for (const text of ["create_order", "In progress", "c/1", "u-17", "d51a052e", "call-7", id]) {
    await expect(entry.getByText(text, { exact: true })).toBeVisible();
  }
  const link = entry.getByRole("link", { name: "Subscriptions of Relecloud" });
  await expect(link).toHaveAttribute(
    "href",
    "https://portal.example/customers/c%2F1/subscriptions",
  );
  await expect(link).toHaveAttribute("target", "_blank");

  await expect(entry.getByRole("columnheader")).toHaveText(["offer", "quantity"]);
  await expect(entry.locator("tbody tr")).toHaveCount(10);
  await entry.getByRole("button", { name: "Show all 25" }).click();
  await expect(entry.locator("tbody tr")).toHaveCount(25);
  await expect(entry.getByText(PRECISE)).toBeVisible();
  await expect(entry.getByText(PRICE, { exact: true })).toBeVisible();

  await entry.getByRole("tab", { name: "JSON" }).click();
  await expect(entry.locator("pre")).toContainText(`"reference": ${PRECISE}`);
  await expect(entry.locator("pre")).toContainText(`"price": ${PRICE},`);
  await entry.getByRole("button", { name: "Copy the activity ID" }).click();
  await expect(entry.getByText("Copied")).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(id);

  await page.reload();
  await expect(entry.getByText(id, { exact: true })).toBeVisible();
  await entry.getByRole("button", { name: "Show only this: Correlation ID call-7" }).click();
  await expect(page).toHaveURL(/correlation_id=call-7/);
});

test("a link to an entry that is not in the list shows it above the list", async ({
  page,
  stack,
}) => {
  await stack.record("linked", [{ customer: { id: "c-9", name: "Fabrikam" } }]);
  await signIn(page, { partner: "linked" });
  await page.getByRole("button", { name: /^Open the entry/ }).click();
  const address = new URL(page.url());
  await expect(page.getByText("c-9", { exact: true })).toBeVisible();
  address.searchParams.set("customer_id", "another");
  await page.goto(address.href);
  const linked = page.getByRole("region", { name: "The entry of your link" });
  await expect(linked.getByRole("heading", { name: "The entry of your link" })).toBeVisible();
  await expect(linked).toContainText("c-9");
  await linked.getByRole("button", { name: "Close the entry" }).click();
  await expect(linked).toHaveCount(0);
  await expect(page).not.toHaveURL(/open=/);
});

test("details of any form fold, and make nothing wider than the window", async ({
  page,
  stack,
}) => {
  const many = Array.from({ length: 4_500 }, (_, one) => [`key-${one}`, one] as const);
  let deep: unknown = "the bottom";
  for (let level = 0; level < 60; level++) deep = level % 2 ? [deep] : { deep };
  const details = {
    different: many.map(([name, value]) => ({ [name]: value })),
    fields: Object.fromEntries(many),
    deep,
    hollow: [{}, {}],
    // As a name of its own, which a literal's would not be.
    inherited: [{ ["__proto__"]: "own" }, { other: 1 }],
    text: "x".repeat(36_000),
  };
  await stack.record("forms", [{ details }]);
  await page.setViewportSize({ width: 320, height: 900 });
  await signIn(page, { partner: "forms" });
  await page.getByRole("button", { name: /^Open the entry/ }).click();
  const entry = page.getByRole("tabpanel", { name: "Structure" });
  await expect(entry.getByRole("button", { name: "Show all 4,500" })).toHaveCount(2);
  await expect(entry.getByRole("button", { name: "Show all 36,000 characters" })).toBeVisible();
  await expect(entry.getByRole("columnheader")).toHaveText(["__proto__", "other"]);
  await expect(entry.locator("tbody td")).toHaveText(["own", "", "", "1"]);
  await expect(entry.locator("li", { hasText: "empty" })).toHaveCount(2);
  await expect(entry.locator("pre")).toContainText("the bottom");
  expect(await entry.locator("*").count()).toBeLessThan(1_000);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(320);
});

test("what the clipboard refuses is said", async ({ page }) => {
  await page.addInitScript(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error("refused"));
  });
  await signIn(page);
  await page
    .getByRole("button", { name: /^Open the entry/ })
    .first()
    .click();
  await page.getByRole("button", { name: "Copy the activity ID" }).click();
  await expect(page.getByText("Could not copy")).toBeVisible();
});
