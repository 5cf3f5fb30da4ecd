// axe finds nothing serious in any state, and 320 px are enough.

import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, rows, signIn, test } from "./stack";

/** Fluent UI's marks at the ends of a drawer: who reaches one is sent on at once. */
const FOCUS_GUARDS = "[data-tabster-dummy]";

async function check(page: Page) {
  const { violations } = await new AxeBuilder({ page }).exclude(FOCUS_GUARDS).analyze();
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const found = serious.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  expect(found).toEqual([]);
  const width = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  expect(width[0], "nothing is wider than the window").toBeLessThanOrEqual(width[1] ?? 0);
}

for (const colorScheme of ["light", "dark"] as const) {
  for (const [language, width] of [
    ["en", 1280],
    ["ko", 320],
  ] as const) {
    // Each takes a minute. Of two of them every scheme, language and width is seen; `FULL` runs all.
    if (!process.env["FULL"] && (colorScheme === "dark") !== (language === "ko")) continue;
    test(`every state is accessible: ${colorScheme}, ${language}, ${width} px`, async ({
      page,
      context,
      noise,
    }) => {
      test.setTimeout(180_000);
      const shot = (name: string) =>
        page.screenshot({ path: `test-results/${name}-${colorScheme}-${language}.png` });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 900 });
      await page.addInitScript((language) => localStorage.setItem("language", language), language);

      await page.goto("/");
      await expect(page.getByRole("button", { name: /Sign in|로그인/ })).toBeVisible();
      await check(page);
      await signIn(page);
      await expect(rows(page).first()).toBeVisible();
      await check(page);
      await shot("list");

      await page.getByRole("button", { name: /^(Filters|필터)$/ }).click();
      await page.getByRole("checkbox").first().check();
      await page.getByRole("button", { name: /^(Apply filters|필터 적용)$/ }).click();
      await expect(page).toHaveURL(/outcome=/);
      await page.getByRole("combobox", { name: /^(Action|작업)$/ }).click();
      await page.keyboard.type("order");
      await expect(page.getByRole("menuitemcheckbox").first()).toBeVisible();
      await check(page);
      await shot("filters");
      await page.goto("/?action=create_order");
      await page
        .getByRole("button", { name: /(Open the entry|항목 열기)/ })
        .first()
        .click();
      await expect(
        page.locator(".details table").or(page.locator(".details .tree")).first(),
      ).toBeVisible();
      await check(page);
      await page.locator(".details").scrollIntoViewIfNeeded();
      await shot("entry");
      await page.getByRole("tab", { name: "JSON" }).click();
      await check(page);

      await page.getByRole("button", { name: /^(Insights|인사이트)$/ }).click();
      await expect(page.locator(".top-entry").first()).toBeVisible();
      await page.getByText(/^(The numbers as a table|표로 보기)$/).click();
      await check(page);
      await page.getByText(/^(The numbers as a table|표로 보기)$/).click();
      await page.locator(".chart").scrollIntoViewIfNeeded();
      await shot("insights");

      await page.getByRole("button", { name: /^(Export log|로그 내보내기)$/ }).click();
      const started = page.waitForEvent("download");
      await page.getByRole("button", { name: /^(Start export|내보내기 시작)$/ }).click();
      await started;
      await check(page);
      await shot("exports");
      await page.keyboard.press("Escape");
      await expect(page.getByRole("dialog")).toHaveCount(0);
      await expect(page.getByRole("table").first()).toBeVisible();
      await check(page);

      await page.goto("/?from=2020-01-01&to=2020-01-02&time_zone=UTC");
      await expect(page.locator(".trouble")).toBeVisible();
      await check(page);
      await context.setOffline(true);
      await expect(page.getByText(/(You are offline|오프라인)/)).toBeVisible();
      await check(page);
      await context.setOffline(false);
      await page.route("**/v1/activities?*", (route) =>
        route.fulfill({ status: 500, json: { request_id: "r-1" } }),
      );
      await page.reload();
      await expect(page.getByRole("alert")).toBeVisible();
      await check(page);
      noise.length = 0;
    });
  }
}
