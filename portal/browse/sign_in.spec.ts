// Signing in and out, and what a person without the right sees.

import { QUIET, expect, rows, signIn, test } from "./stack";

test("the first visit says that nobody is signed in, and comes back to the view", async ({
  page,
}) => {
  const address = "/?from=2026-01-01&to=2026-01-31&time_zone=UTC&outcome=failed";
  await page.goto(address);
  await expect(page.getByRole("heading", { name: "You are signed out" })).toBeVisible();
  await signIn(page, {}, address);
  await expect(page.getByLabel("From")).toHaveValue("2026-01-01");
  expect(new URL(page.url()).search).toBe(new URL(address, page.url()).search);
});

test("a reload stays signed in, and no token is kept where a script finds it", async ({ page }) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await page.reload();
  await expect(rows(page).first()).toBeVisible();
  const kept = await page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }]),
  );
  expect(kept).not.toContain("eyJ");
  expect(await page.evaluate(() => document.cookie)).toBe("");
});

test("who signs out stays signed out over a reload", async ({ page }) => {
  await signIn(page);
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "You are signed out" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: "You are signed out" })).toBeVisible();
});

test("a role that may not read is told so", async ({ page, noise }) => {
  await signIn(page, { partner: QUIET, role: "activity_recorder" });
  await expect(page.getByRole("heading", { name: "No permission" })).toBeVisible();
  await expect(page.getByText("Request ID")).toBeVisible();
  noise.length = 0;
});

test("a session that ends leads to the sign-in and back to the view", async ({ page, noise }) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await page.route("**/v1/activities?*", (route) =>
    route.fulfill({ status: 401, json: { message: "Unauthorized" } }),
  );
  await page.getByRole("button", { name: "7 days" }).click();
  await expect(page.getByRole("heading", { name: "You are signed out" })).toBeVisible();
  const view = new URL(page.url()).search;
  await page.unroute("**/v1/activities?*");
  // The issuer still knows the person.
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(rows(page).first()).toBeVisible();
  expect(new URL(page.url()).search).toBe(view);
  noise.length = 0;
});

test("a sign-in that fails says why", async ({ page, noise }) => {
  await page.route("**/dev/sign-in/token", (route) =>
    route.fulfill({ status: 400, json: { error: "invalid_client" } }),
  );
  await signIn(page);
  await expect(page.getByRole("alert")).toHaveText("Signing in failed: invalid_client");
  noise.length = 0;
});
