// What the page says when something is wrong, and names that would do harm.

import { expect, rows, signIn, test } from "./stack";

test("a failure shows the request's id, and can be tried again", async ({ page, noise }) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await page.route("**/v1/activities?*", (route) =>
    route.fulfill({
      status: 500,
      json: { status: 500, code: "internal_error", request_id: "Ze3dNhZ5oAMEVZw=" },
    }),
  );
  await page.getByRole("button", { name: "7 days" }).click();
  await expect(page.getByRole("alert")).toContainText("Request ID Ze3dNhZ5oAMEVZw=");
  await page.unroute("**/v1/activities?*");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(rows(page).first()).toBeVisible();
  noise.length = 0;
});

test("an outage between page and service says so", async ({ page, noise }) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await page.route("**/v1/activities?*", (route) => route.abort());
  await page.getByRole("button", { name: "7 days" }).click();
  await expect(page.getByText("The service does not answer")).toBeVisible();
  noise.length = 0;
});

test("offline, what was loaded stays, and it goes on when the network is back", async ({
  page,
  context,
  noise,
}) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await context.setOffline(true);
  await expect(page.getByText("You are offline")).toBeVisible();
  await expect(rows(page).first()).toBeVisible();
  await page.getByRole("button", { name: "7 days" }).click();
  await context.setOffline(false);
  await expect(page.getByText("You are offline")).toHaveCount(0);
  await expect(rows(page).first()).toBeVisible();
  noise.length = 0;
});

test("a part whose code cannot be had says so, and the rest stays", async ({ page, noise }) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  for (const [button, code] of [
    ["Insights", "insights"],
    ["Filters", "conditions"],
    ["Export log", "exports"],
  ] as const) {
    await page.route(`**/assets/${code}-*.js`, (route) => route.abort());
    await page.getByRole("button", { name: button }).click();
    await expect(page.getByRole("alert")).toContainText("could not be shown");
    await expect(rows(page).first()).toBeVisible();
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByRole("alert")).toContainText("could not be shown");
    await page.unroute(`**/assets/${code}-*.js`);
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByRole("alert")).toHaveCount(0);
  }
  await expect(page.getByRole("dialog")).toContainText("Start export");
  await expect(page.locator(".chart")).toBeVisible();
  noise.length = 0;
});

test("names that look like HTML or a formula are text everywhere", async ({ page, stack }) => {
  const image = "<img src=x onerror=document.title='taken'>";
  const names = [image, "=1+1", "{customer}", "<b>bold</b> & co", "two\nlines"];
  await stack.record(
    "hostile",
    names.map((name, place) => ({
      customer: { id: name.replace("\n", " "), name },
      actor: { id: `u-${place}`, name, kind: "user" },
      details: { [name]: name, rows: [{ [name]: name }], ["__proto__"]: { x: 1 } },
    })),
  );
  await signIn(page, { partner: "hostile" }, "/?panel=insights");
  await expect(rows(page)).toHaveCount(names.length);
  for (const button of await page.getByRole("button", { name: /^Open the entry/ }).all()) {
    await button.scrollIntoViewIfNeeded();
  }
  for (let left = names.length; left > 0; left--) {
    await page
      .getByRole("button", { name: /^Open the entry/ })
      .first()
      .click();
  }
  await expect(page.locator(".details").first()).toContainText("Activity ID");
  for (const name of names) {
    await expect(page.locator("bdi", { hasText: name }).first()).toBeVisible();
  }
  await page
    .getByRole("button", { name: `Show only this: Affected customer ${image}` })
    .first()
    .click();
  await expect(page.getByText(`Affected customer: ${image}`)).toBeVisible();
  expect(await page.locator("img").count()).toBe(0);
  expect(await page.title()).toBe("Activity log");
});

test("the page is served under a strict policy, and the API as before", async ({ stack }) => {
  const page = await fetch(stack.url);
  const policy = page.headers.get("content-security-policy") ?? "";
  for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]) {
    expect(policy).toContain(part);
  }
  expect(policy).not.toContain("unsafe");
  const unknown = await fetch(`${stack.url}/nothing`);
  expect([unknown.status, await unknown.text()]).toEqual([404, '{"message":"Not Found"}']);
  const withoutToken = await fetch(`${stack.url}/v1/nothing`);
  expect([withoutToken.status, await withoutToken.text()]).toEqual([
    401,
    '{"message":"Unauthorized"}',
  ]);
});
