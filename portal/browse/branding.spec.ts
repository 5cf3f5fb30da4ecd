// What a deployment changes by a file beside the page.

import { expect, rows, signIn, test } from "./stack";

const BRANDING = {
  logo: "/branding/logo.svg",
  help: "https://portal.example/help",
  actions: { rotate_key: { en: "Rotated a signing key", ko: "서명 키 교체", group: "devices" } },
};

test("a logo, a link to help and words for actions come from a file", async ({ page, stack }) => {
  await stack.record("branded", [{ action: "rotate_key" }]);
  await page.route("**/branding.json", (route) => route.fulfill({ json: BRANDING }));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"></svg>`;
  await page.route("**/branding/logo.svg", (route) =>
    route.fulfill({ contentType: "image/svg+xml", body: svg }),
  );
  await signIn(page, { partner: "branded" }, "/?panel=insights");
  await expect(rows(page).getByText("Rotated a signing key")).toBeVisible();
  await expect(page.getByRole("button", { name: "Devices and policies" })).toBeVisible();
  await expect(page.locator("img.logo")).toHaveJSProperty("naturalWidth", 40);
  await expect(page.getByRole("link", { name: "Help" })).toHaveAttribute("href", BRANDING.help);
  await page.getByLabel("Language").selectOption("ko");
  await expect(rows(page).getByText("서명 키 교체")).toBeVisible();
  await page.getByRole("button", { name: "필터" }).click();
  await page.getByRole("combobox", { name: "작업" }).click();
  await page.keyboard.type("서명");
  await expect(page.getByRole("menuitemcheckbox", { name: "서명 키 교체" })).toBeVisible();
});

for (const [what, answer] of [
  ["is missing", { status: 404 }],
  ["is no JSON", { status: 200, body: "<html>" }],
  [
    "would run or load what it must not",
    { json: { logo: "//evil.example/x.svg", help: "javascript:alert(1)" } },
  ],
] as const) {
  test(`a file that ${what} changes nothing`, async ({ page, noise }) => {
    await page.route("**/branding.json", (route) => route.fulfill({ ...answer }));
    await signIn(page);
    await expect(rows(page).first()).toBeVisible();
    await expect(page.locator("img")).toHaveCount(0);
    await expect(page.getByRole("link", { name: "Help" })).toHaveCount(0);
    noise.length = 0;
  });
}
