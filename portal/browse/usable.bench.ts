// How long a person waits, over 20,000 activities: prints medians, checks nothing.

import { BUSY, expect, rows, signIn, test } from "./stack";

const ROUNDS = 15;

function median(times: number[]): number {
  return times.toSorted((one, other) => one - other)[Math.floor(times.length / 2)] ?? NaN;
}

test("usable", async ({ page }) => {
  test.setTimeout(300_000);
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  const waits = {
    "page loaded anew, signed in by the way": () => page.reload(),
    "another period": (round: number) =>
      page.getByRole("button", { name: ["7 days", "Today"][round % 2] ?? "" }).click(),
  };
  for (const [name, act] of Object.entries(waits)) {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      // Made anew each time, so that nothing is shown from memory.
      const answered = page.waitForResponse(/v1\/activities\?/);
      await page.getByRole("button", { name: "Refresh" }).click();
      await answered;
      await rows(page).first().waitFor();
      const started = performance.now();
      await act(round);
      await page.locator('[aria-busy="false"] .entry-row').first().waitFor();
      times.push(performance.now() - started);
    }
    const [first, last] = [Math.min(...times), Math.max(...times)].map(Math.round);
    console.log(
      `${name}: ${Math.round(median(times))} ms (${first} to ${last}), ${BUSY.activities} activities`,
    );
  }
});
