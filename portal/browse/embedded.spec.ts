// The page in a frame of the portal, with the portal's side as docs/page.md has it.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";
import { ROOT, expect, startLocal, stackAt, test } from "./stack";
import type { Stack } from "./stack";

interface Portal {
  url: string;
  /** How often the page has asked for a token. */
  asked: number;
  server: Server;
}

/** The portal's side: the HTML of the documentation, and a back end that gives tokens. */
async function startPortal(stack: () => Stack): Promise<Portal> {
  const document = await readFile(`${ROOT}docs/page.md`, "utf8");
  const html = /```html\n([^]*?)```/.exec(document)?.[1] ?? "";
  const portal: Portal = { url: "", asked: 0, server: createServer() };
  portal.server.on("request", (request, response) => {
    void (async () => {
      if (request.method !== "POST") {
        response.setHeader("content-type", "text/html; charset=utf-8");
        return response.end(html.replaceAll("https://log.example", stack().url));
      }
      portal.asked += 1;
      const access_token = await stack().token("embedded", "admin_agent", "ann");
      return response.end(JSON.stringify({ access_token, expires_in: 400 }));
    })();
  });
  await new Promise<void>((done) => portal.server.listen(0, "127.0.0.1", done));
  portal.url = `http://127.0.0.1:${(portal.server.address() as AddressInfo).port}`;
  return portal;
}

/** The service, framed by a portal that it knows and by one that it does not know. */
const embedded = test.extend<object, { framed: { portal: Portal; stranger: Portal } }>({
  // Without it, the service of the other tests would be started too.
  baseURL: undefined,
  framed: [
    async ({}, use) => {
      let stack: Stack | undefined;
      const known = () => stack as Stack;
      const [portal, stranger] = [await startPortal(known), await startPortal(known)];
      const { url, child } = await startLocal([`--frame-ancestors=${portal.url}`]);
      stack = stackAt(url);
      await stack.record("embedded", [{}]);
      await use({ portal, stranger });
      child.kill();
      for (const { server } of [portal, stranger]) server.close();
    },
    { scope: "worker" },
  ],
});

const log = (page: Page) => page.frameLocator("#log");

embedded(
  "the portal gives the token: no sign-in, nothing stored, and a new one before its end",
  async ({ page, framed: { portal } }) => {
    await page.clock.install();
    await page.goto(portal.url);
    await expect(log(page).locator(".entry-row")).toHaveCount(1);
    await expect(log(page).getByRole("button", { name: /Sign/ })).toHaveCount(0);
    const frame = page.frames().find((frame) => frame !== page.mainFrame());
    const kept = await frame?.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }]),
    );
    expect(kept).not.toContain("eyJ");
    const asked = portal.asked;
    await expect(async () => {
      await page.clock.runFor(60_000);
      expect(portal.asked).toBe(asked + 1);
    }).toPass();
    await expect(log(page).locator(".entry-row")).toHaveCount(1);
  },
);

embedded("a token that another window gives is not taken", async ({ page, framed: { portal } }) => {
  await page.goto(portal.url);
  await expect(log(page).locator(".entry-row")).toHaveCount(1);
  const frame = page.frames().find((frame) => frame !== page.mainFrame());
  await frame?.evaluate(() => {
    const forged = { type: "activity-log:token", access_token: "forged" };
    postMessage(forged, location.origin);
    return new Promise((done) => setTimeout(done));
  });
  const read = page.waitForRequest("**/v1/activities?*");
  await log(page).getByRole("button", { name: "7 days" }).click();
  const sent = (await read).headers()["authorization"];
  expect(sent).toMatch(/^Bearer eyJ/);
});

embedded(
  "a portal that says nothing is said, and asked again",
  async ({ page, framed: { portal } }) => {
    await page.clock.install();
    await page.addInitScript(() => {
      if (window !== top) return;
      addEventListener("message", (event) => {
        if (!("told" in window)) event.stopImmediatePropagation();
      });
    });
    await page.goto(portal.url);
    const silent = log(page).getByRole("heading", { name: "The portal has not signed you in" });
    await expect(async () => {
      await page.clock.runFor(5_000);
      await expect(silent).toBeVisible({ timeout: 200 });
    }).toPass();
    await page.evaluate(() => Object.assign(window, { told: true }));
    await log(page).getByRole("button", { name: "Try again" }).click();
    await expect(log(page).locator(".entry-row")).toHaveCount(1);
  },
);

embedded(
  "another website can show the page in no frame",
  async ({ page, framed: { stranger }, noise }) => {
    await page.goto(stranger.url);
    await expect.poll(() => noise.join()).toContain("frame-ancestors");
    await expect(log(page).locator(".top, .trouble")).toHaveCount(0);
    expect(stranger.asked).toBe(0);
    // A page that was left says no more.
    await page.goto("about:blank");
    noise.length = 0;
  },
);
