// How long a session lasts: it is renewed without a word, and nothing is lost at its end.

import type { Page, Request } from "@playwright/test";
import { expect, rows, signIn, signInHere, test } from "./stack";
import type { Stack } from "./stack";

/** Of the first token; a quarter of it before its end the page asks for another one. */
const LIFE_S = 400;

/** Until a renewal is due. */
const DUE_MS = 320_000;

function formOf(request: Request): URLSearchParams {
  return new URLSearchParams(request.postData() ?? "");
}

/** An issuer whose first token is short-lived, and which may give a refresh token. */
async function shortLived(page: Page, stack: Stack, refresh_token?: string) {
  const grants: string[] = [];
  await page.route("**/dev/sign-in/token", async (route) => {
    const grant = formOf(route.request()).get("grant_type") ?? "";
    grants.push(grant);
    if (grant === "refresh_token") {
      const access_token = await stack.token("contoso", "admin_agent", "renewed");
      return route.fulfill({ json: { access_token, token_type: "Bearer", expires_in: 3_600 } });
    }
    const tokens = (await (await route.fetch()).json()) as object;
    const expires_in = grants.length === 1 ? LIFE_S : 3_600;
    return route.fulfill({
      json: { ...tokens, expires_in, ...(refresh_token && { refresh_token }) },
    });
  });
  return grants;
}

async function typeAndOpen(page: Page) {
  await page.getByRole("button", { name: "Filters" }).click();
  await page.getByRole("textbox", { name: "Affected customer" }).fill("not applied");
}

async function expectNothingLost(page: Page) {
  await expect(page.getByRole("textbox", { name: "Affected customer" })).toHaveValue("not applied");
  await expect(rows(page).first()).toBeVisible();
}

for (const refresh_token of ["r-1", undefined]) {
  const how = refresh_token ? "with a refresh token" : "in a hidden frame";
  test(`a token is renewed ${how}, and the page stays as it is`, async ({ page, stack }) => {
    await page.clock.install();
    const grants = await shortLived(page, stack, refresh_token);
    await signIn(page);
    await expect(rows(page).first()).toBeVisible();
    await typeAndOpen(page);
    const reads: string[] = [];
    page.on("request", (request) => {
      if (request.url().includes("/v1/activities?")) reads.push(request.url());
    });
    await page.clock.runFor(DUE_MS);
    await expect(async () => {
      await page.clock.runFor(1_000);
      expect(grants).toEqual([
        "authorization_code",
        refresh_token ? "refresh_token" : "authorization_code",
      ]);
    }).toPass();
    await expect(page.locator("iframe")).toHaveCount(0);
    expect(reads).toEqual([]);
    await page.clock.runFor(600_000);
    await expect(page.getByText(/Your session/)).toHaveCount(0);
    await expectNothingLost(page);
    const read = page.waitForResponse("**/v1/activities?*");
    await page.getByRole("button", { name: "7 days" }).click();
    expect((await read).status()).toBe(200);
  });
}

test("a session that cannot be renewed says when it ends, and signing in again loses nothing", async ({
  page,
  stack,
  context,
}) => {
  await page.clock.install();
  await shortLived(page, stack);
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await typeAndOpen(page);
  await context.clearCookies();
  const warning = page.getByRole("alert").filter({ hasText: "Your session ends in" });
  await expect(async () => {
    await page.clock.runFor(DUE_MS / 20);
    await expect(warning).toBeVisible({ timeout: 200 });
  }).toPass();
  await expect(warning).toContainText(/in [12] minutes?\./);
  await expectNothingLost(page);
  const view = new URL(page.url()).search;
  await warning.getByRole("button", { name: "Stay signed in" }).click();
  await page.getByLabel("Partner").fill("contoso");
  await page.getByLabel("Name").fill("ann@contoso.example");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expectNothingLost(page);
  expect(new URL(page.url()).search).toBe(view);
  await expect(warning).toHaveCount(0);

  // What was typed is of the person who signs out.
  await page.getByRole("button", { name: "Sign out" }).click();
  await signInHere(page);
  await expect(rows(page).first()).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Affected customer" })).toHaveCount(0);
});

test("a session that is over ends, and says so", async ({ page, stack, context }) => {
  await page.clock.install();
  await shortLived(page, stack);
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await context.clearCookies();
  const ended = page.getByRole("heading", { name: "Your session has ended" });
  await expect(async () => {
    await page.clock.runFor(20_000);
    await expect(ended).toBeVisible({ timeout: 200 });
  }).toPass({ timeout: 40_000 });
  await expect(rows(page)).toHaveCount(0);
});

test("a token that the service refuses is replaced, and the request is sent again", async ({
  page,
  noise,
}) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await typeAndOpen(page);
  let refused = 0;
  await page.route("**/v1/activities?*", (route) =>
    refused++ === 0
      ? route.fulfill({ status: 401, json: { message: "Unauthorized" } })
      : route.continue(),
  );
  await page.getByRole("button", { name: "7 days" }).click();
  await expect.poll(() => refused).toBe(2);
  await expectNothingLost(page);
  expect(noise.splice(0).join()).toContain("401");
});
