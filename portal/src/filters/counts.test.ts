import { expect, test } from "vitest";
import { countOf } from "./counts";

test("a value has the entries of all its groups, and one that was not met has none", () => {
  const groups = [
    { action: "create_order", outcome: "succeeded" as const, count: 3 },
    { action: "create_order", outcome: "failed" as const, count: 1 },
    { action: "add_customer", outcome: "failed" as const, count: 4 },
    // The next answer of the same walk.
    { action: "create_order", outcome: "failed" as const, count: 2 },
  ];
  expect(countOf(groups, "action", "create_order")).toBe(6);
  expect(countOf(groups, "outcome", "failed")).toBe(7);
  expect(countOf(groups, "outcome", "declined")).toBe(0);
});
