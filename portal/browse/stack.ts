// The service of a test file: the real `local`, in memory, on free ports.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { test as base, expect } from "@playwright/test";
import type { Page } from "@playwright/test";
import { daysBefore, today } from "../src/range";

/** The folder of the repository. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BINARY = `${process.env["CARGO_TARGET_DIR"] ?? `${ROOT}target`}/debug/local`;

/** The partner with a year of made-up activities, and how many. */
export const BUSY = { partner: "contoso", activities: 20_000 };

/** The partner whose exports take long enough to be looked at. */
export const SLOW = { partner: "adventure-works", activities: 60_000 };

/** The partner with the few activities that a test records. */
export const QUIET = "fabrikam";

/** The day in UTC that is so many days ago; the service goes by the clock too. */
export function daysAgo(count: number): string {
  return daysBefore(today("UTC"), count);
}

export interface Stack {
  url: string;
  token: (partner: string, roles: string, name?: string) => Promise<string>;
  /** Records activities, each filled up to a valid one. */
  record: (partner: string, activities: Partial<NewActivity>[]) => Promise<void>;
}

interface NewActivity {
  occurred_at: string;
  action: string;
  outcome: string;
  customer: { id: string; name: string };
  actor: { id: string; name: string; kind: string };
  resource: { type: string; id: string };
  correlation_id: string;
  details: unknown;
}

/** Starts the service with further flags, on ports that are free. */
export async function startLocal(flags: string[]): Promise<{ url: string; child: ChildProcess }> {
  const ports = ["--port=0", "--dynamodb-port=0", "--s3-port=0"];
  // What happened long ago is recorded without an import, and nothing is sealed.
  const lateness = "--variable=MAX_LATENESS_DAYS=366";
  const child = spawn(BINARY, [...ports, lateness, "--in-memory", "--page=portal/dist", ...flags], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /API\s+(http:\S+)/.exec(line)?.[1];
    if (url) return { url, child };
  }
  throw new Error("local did not start");
}

export function stackAt(url: string): Stack {
  const token: Stack["token"] = async (partner, roles, name = "test@localhost") => {
    const query = new URLSearchParams({ partner_id: partner, roles, name });
    const answer = await fetch(`${url}/dev/token?${query}`);
    return ((await answer.json()) as { access_token: string }).access_token;
  };
  return {
    url,
    token,
    async record(partner, activities) {
      const authorization = `Bearer ${await token(partner, "activity_recorder")}`;
      const filled = activities.map((activity) => ({
        action: "create_order",
        outcome: "succeeded",
        customer: { id: "c-1", name: "Relecloud" },
        actor: { id: "u-17", name: "admin@contoso.example", kind: "user" },
        ...activity,
      }));
      const answer = await fetch(`${url}/v1/activities/batch`, {
        method: "POST",
        headers: { authorization, "content-type": "application/json" },
        body: JSON.stringify({ activities: filled }),
      });
      const { results } = (await answer.json()) as { results: { status: number }[] };
      expect(results.map(({ status }) => status)).toEqual(filled.map(() => 201));
    },
  };
}

/** What a browser must never say: errors of the page, or of its security policy. */
const QUIET_CONSOLE = ["error", "warning"];

/** What it says by itself of an answer that the page expects: there is no proof yet. */
const NOT_SEALED = /Failed to load resource: .* status of 409/;

export const test = base.extend<{ noise: string[] }, { stack: Stack }>({
  stack: [
    async ({}, use) => {
      const preload = [BUSY, SLOW].map((log) => `--preload=${log.partner}=${log.activities}`);
      const { url, child } = await startLocal(preload);
      await use(stackAt(url));
      child.kill();
    },
    // It loads 80,000 activities, which takes more than a minute on a busy machine.
    { scope: "worker", timeout: 300_000 },
  ],
  baseURL: async ({ stack }, use) => use(stack.url),
  // Each test fails when its page complained.
  noise: [
    async ({ page }, use) => {
      const noise: string[] = [];
      page.on("pageerror", (error) => noise.push(error.message));
      page.on("console", (message) => {
        const isNoise = QUIET_CONSOLE.includes(message.type()) && !NOT_SEALED.test(message.text());
        if (isNoise) noise.push(message.text());
      });
      await use(noise);
      // A request that is under way at the end is of no interest.
      await page.unrouteAll({ behavior: "ignoreErrors" });
      expect(noise).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

interface Person {
  partner?: string;
  role?: string;
  name?: string;
}

/** Opens the page as a person does who is not signed in yet. */
export async function signIn(page: Page, person: Person = {}, address = "/") {
  await page.goto(address);
  await signInHere(page, person);
}

export async function signInHere(page: Page, person: Person = {}) {
  await page.getByRole("button", { name: /Sign in|로그인/ }).click();
  await page.getByLabel("Partner").fill(person.partner ?? BUSY.partner);
  await page.getByLabel("Role").selectOption(person.role ?? "admin_agent");
  await page.getByLabel("Name").fill(person.name ?? "ann@contoso.example");
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** The rows of entries that are in the document. */
export function rows(page: Page) {
  return page.getByRole("table").locator(".entry-row");
}
