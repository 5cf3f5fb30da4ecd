// An opened entry.

import { expect, rows, signIn, test } from "./stack";

const LINES = Array.from({ length: 25 }, (_, line) => ({
  offer: `Offer ${line}`,
  quantity: line,
}));

/** Beyond what JavaScript's numbers hold. */
const PRECISE = "12345678901234567890";

test("an order opens with all its fields, its lines as a table, and its JSON as it is", async ({
  page,
  stack,
  context,
}) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const details = {
    line_items: LINES,
    reference: "PRECISE",
    note: "long ".repeat(200),
    approved: true,
    address: { city: "Seoul", lines: [] },
  };
  // The number goes out as digits, which a JavaScript number would not keep.
  const raw = JSON.stringify(details).replace('"PRECISE"', PRECISE);
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

  await entry.getByRole("tab", { name: "JSON" }).click();
  await expect(entry.locator("pre")).toContainText(`"reference": ${PRECISE}`);
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
  await expect(page.getByText("c-9")).toBeVisible();
  address.searchParams.set("customer_id", "another");
  await page.goto(address.href);
  await expect(page.getByRole("region", { name: "The entry of your link" })).toContainText("c-9");
});

test("by the keyboard alone: filter, open an entry, close it", async ({ page }) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  const press = async (name: string | RegExp, key = "Enter") => {
    for (let tabs = 0; tabs < 40; tabs++) {
      await page.keyboard.press("Tab");
      const label = await page.evaluate(() => {
        const focused = document.activeElement as HTMLElement;
        return focused.getAttribute("aria-label") ?? focused.innerText;
      });
      if (typeof name === "string" ? label.trim() === name : name.test(label)) {
        await page.keyboard.press(key);
        return;
      }
    }
    throw new Error(`Tab does not reach ${name}`);
  };
  await press("7 days");
  await expect(page.getByRole("button", { name: "7 days" })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
  await press(/^Open the entry/);
  await expect(page.getByRole("button", { name: /^Close the entry/ })).toBeFocused();
  await expect(page.locator(".details")).toContainText("Activity ID");
  await page.keyboard.press("Enter");
  await expect(page.locator(".details")).toHaveCount(0);
});
