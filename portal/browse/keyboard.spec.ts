// By the keyboard alone: everything can be reached, and the focus is never lost.

import type { Page } from "@playwright/test";
import { expect, rows, signIn, test } from "./stack";

/** Tabs to what has this name, from wherever the focus is; `Shift+Tab` goes back. */
async function tabTo(page: Page, name: RegExp, tab = "Tab") {
  for (let tabs = 0; tabs < 60; tabs++) {
    await page.keyboard.press(tab);
    const label = await page.evaluate(() => {
      const focused = document.activeElement as HTMLInputElement;
      const labels = [...(focused.labels ?? [])].map((label) => label.innerText);
      return [focused.getAttribute("aria-label"), ...labels, focused.innerText].find(Boolean) ?? "";
    });
    if (name.test(label.trim())) return;
  }
  throw new Error(`Tab does not reach ${name}`);
}

async function press(page: Page, name: RegExp, key = "Enter") {
  await tabTo(page, name);
  await page.keyboard.press(key);
}

/** The list of the filter that was asked for is there. */
async function settled(page: Page) {
  const list = page.getByRole("region", { name: "Entries" });
  await expect(list).toHaveAttribute("data-old", "false");
  await expect(list).toHaveAttribute("aria-busy", "false");
}

async function expectFocus(page: Page) {
  await settled(page);
  expect(await page.evaluate(() => document.activeElement?.tagName)).not.toBe("BODY");
}

test("choose a period, filter, take the filter away, open an entry, close it", async ({ page }) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await press(page, /^7 days$/);
  await expect(page.getByRole("button", { name: "7 days" })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
  await press(page, /^Filters$/);
  await expect(page.getByRole("textbox", { name: "Affected customer" })).toBeVisible();
  await tabTo(page, /^Affected customer$/);
  await page.keyboard.type("RELE");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/customer=RELE/);
  await settled(page);
  await expect(page.getByRole("textbox", { name: "Affected customer" })).toBeFocused();
  for (const row of await rows(page).allInnerTexts()) expect(row).toContain("Relecloud");

  await press(page, /^Succeeded$/, "Space");
  await press(page, /^Apply filters$/);
  await expect(page).toHaveURL(/outcome=succeeded/);
  await settled(page);
  await expect(page.getByRole("button", { name: "Apply filters" })).toBeFocused();

  await tabTo(page, /contains RELE/);
  await page.keyboard.press("Delete");
  await expect(page).not.toHaveURL(/customer=/);
  await expectFocus(page);
  await page.keyboard.press("Delete");
  await expect(page).not.toHaveURL(/outcome=/);
  await settled(page);
  await expect(page.getByRole("region", { name: "Filters" })).toBeFocused();

  await press(page, /^Open the entry/);
  await expect(page.getByRole("button", { name: /^Close the entry/ })).toBeFocused();
  await expect(page.locator(".details")).toContainText("Activity ID");
  await page.keyboard.press("Enter");
  await expect(page.locator(".details")).toHaveCount(0);
});

test("what insights and an entry filter by keeps the focus", async ({ page }) => {
  // Four filters, each of which counts a month once or twice.
  test.slow();
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await press(page, /^Insights$/);
  // A count that takes several requests has a button too, which stops it.
  const top = page.getByRole("tabpanel").getByRole("listitem").getByRole("button").first();
  for (const name of ["Top customers", "Top actions", "Top partner users"]) {
    await page.getByRole("tab", { name }).click();
    await top.focus();
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(
      {
        "Top customers": /customer_id=/,
        "Top actions": /action=/,
        "Top partner users": /actor_id=/,
      }[name] ?? /never/,
    );
    await settled(page);
    await expect(top).toBeFocused();
  }
  await tabTo(page, /^Clear all$/, "Shift+Tab");
  await page.keyboard.press("Enter");
  await settled(page);
  await expect(page.getByRole("region", { name: "Filters" })).toBeFocused();

  await press(page, /^Open the entry/);
  await expect(page.locator(".details")).toContainText("Activity ID");
  await press(page, /^Show only this: Partner user/);
  await expect(page).toHaveURL(/actor_id=/);
  await expectFocus(page);
});

test("export, remove the file, close", async ({ page, stack }) => {
  await stack.record("keys", [{}]);
  await signIn(page, { partner: "keys" });
  await expect(rows(page).first()).toBeVisible();
  await press(page, /^Export log$/);
  await expect(page.getByRole("button", { name: "Close" })).toBeFocused();
  const download = page.waitForEvent("download");
  await press(page, /^Start export$/);
  await download;
  await press(page, /^Remove the file/);
  await expect(page.getByText("File removed")).toBeVisible();
  await expect(page.getByRole("listitem").filter({ hasText: "File removed" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Export log" })).toBeFocused();
});

test("a drawer that the address opened gives the focus to its button", async ({ page }) => {
  await signIn(page, {}, "/?panel=exports");
  await expect(page.getByRole("button", { name: "Close" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Export log" })).toBeFocused();
});
