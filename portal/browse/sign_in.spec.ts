// Signing in and out, and what a person without the right sees.

import { QUIET, expect, rows, signIn, signInHere, test } from "./stack";

test("the first visit asks to sign in, and comes back to the view", async ({ page }) => {
  const address = "/?from=2026-01-01&to=2026-01-31&time_zone=UTC&outcome=failed";
  await page.goto(address);
  await expect(
    page.getByRole("heading", { name: "Sign in to see the activity log" }),
  ).toBeVisible();
  await expect(page.getByText("You are signed out")).toHaveCount(0);
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

test("after signing out, Back brings no entry and no token back", async ({
  playwright,
  launchOptions,
  stack,
}) => {
  // It starts a browser of its own.
  test.slow();
  // Playwright switches off what a browser does: to keep the page that is left as it is.
  const browser = await playwright.chromium.launch({
    ...launchOptions,
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  });
  const context = await browser.newContext({ baseURL: stack.url, locale: "en-US" });
  const page = await context.newPage();
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await page.evaluate(() => {
    document.title = "left";
    addEventListener("pageshow", () => (document.title = "kept"));
  });
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).not.toHaveTitle("left");
  await expect(page.getByRole("heading", { name: "You are signed out" })).toBeVisible();
  await page.evaluate(() => history.back());
  await expect(page).toHaveTitle("kept");
  await expect(page.getByRole("heading", { name: "You are signed out" })).toBeVisible();
  await expect(rows(page)).toHaveCount(0);
  await browser.close();
});

test("a sign-out of which the issuer does not hear is said, and ends the session here", async ({
  page,
  noise,
}) => {
  await page.route("**/.well-known/openid-configuration", async (route) => {
    const { end_session_endpoint: _, ...known } = (await (await route.fetch()).json()) as Record<
      string,
      unknown
    >;
    await route.fulfill({ json: known });
  });
  await signIn(page);
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("alert")).toContainText("could not be told");
  await expect(rows(page)).toHaveCount(0);
  noise.length = 0;
});

test("who signs in while the issuer is away is told so", async ({ page, noise }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Sign in to see" })).toBeVisible();
  await page.route("**/.well-known/openid-configuration", (route) => route.abort());
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("The sign-in service does not answer");
  await page.unroute("**/.well-known/openid-configuration");
  await signInHere(page);
  await expect(rows(page).first()).toBeVisible();
  noise.length = 0;
});

test("a page whose policy forbids its issuer says what its deployment lacks", async ({
  page,
  noise,
}) => {
  await page.route("**/config.json", async (route) => {
    const config = (await (await route.fetch()).json()) as object;
    await route.fulfill({ json: { ...config, issuer: "https://login.example/tenant" } });
  });
  await page.goto("/");
  await expect(page.getByRole("alert")).toContainText("https://login.example");
  await expect(page.getByRole("alert")).toContainText("PageSignInOrigins");
  await expect(page.getByRole("alert")).not.toContainText("connection");
  noise.length = 0;
});

test("a service that is away when the page is opened is not called unconfigured", async ({
  page,
  noise,
}) => {
  await page.route("**/config.json", (route) => route.fulfill({ status: 503 }));
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "The service does not answer" })).toBeVisible();
  await page.unroute("**/config.json");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Sign in to see" })).toBeVisible();
  noise.length = 0;
});

for (const [language, title, hint] of [
  ["en", "No permission", "Ask your administrator"],
  ["ko", "권한 없음", "관리자에게 권한을 요청하세요"],
] as const) {
  test(`a role that may not read is told once what to do: ${language}`, async ({ page, noise }) => {
    await page.addInitScript((language) => localStorage.setItem("language", language), language);
    await signIn(page, { partner: QUIET, role: "activity_recorder" }, "/?panel=insights");
    await expect(page.getByRole("heading", { name: title })).toBeVisible();
    await expect(page.getByRole("alert")).toContainText([hint]);
    await expect(page.getByRole("alert")).toContainText([/(Request|요청) ID/]);
    noise.length = 0;
  });
}

test("a session that ends leads to the sign-in and back to the view", async ({ page, noise }) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await page.route("**/v1/activities?*", (route) =>
    route.fulfill({ status: 401, json: { message: "Unauthorized" } }),
  );
  await page.getByRole("button", { name: "7 days" }).click();
  await expect(page.getByRole("heading", { name: "Your session has ended" })).toBeVisible();
  const view = new URL(page.url()).search;
  await page.unroute("**/v1/activities?*");
  // The issuer still knows the person.
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(rows(page).first()).toBeVisible();
  expect(new URL(page.url()).search).toBe(view);
  noise.length = 0;
});

test("a session that ends while the exports are open leaves a page that can be read", async ({
  page,
  noise,
}) => {
  await page.route("**/v1/exports", (route) =>
    route.fulfill({ status: 401, json: { message: "Unauthorized" } }),
  );
  await signIn(page, {}, "/?panel=exports");
  await page.getByRole("button", { name: "Start export" }).click();
  // By its role it is only found by what screen readers find.
  await expect(page.getByRole("heading", { name: "Your session has ended" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
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
