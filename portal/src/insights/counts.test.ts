import { expect, test } from "vitest";
import { actionsIn, perDay, ranked, total } from "./counts";

const created = (day: string, count: number) => ({ day, action: "create_order", count });

test("a day has its entries by group of actions, and a day without entries is there too", () => {
  const groups = [
    created("2026-11-03", 2),
    { day: "2026-11-03", action: "update_subscription", count: 1 },
    { day: "2026-11-01", action: "add_customer", count: 4 },
  ];
  expect(perDay({ from: "2026-11-01", to: "2026-11-03" }, groups)).toEqual([
    { day: "2026-11-01", total: 4, groups: { customers: 4 } },
    { day: "2026-11-02", total: 0, groups: {} },
    { day: "2026-11-03", total: 3, groups: { orders: 3 } },
  ]);
  expect(total(groups)).toBe(7);
});

test("a group has the actions that were counted, also those that the page does not know", () => {
  const groups = [
    created("2026-11-03", 2),
    { action: "rotate_key", count: 1 },
    { action: "export_activity_log", count: 1 },
    { action: "rotate_key", count: 1 },
  ];
  expect(actionsIn("other", groups)).toEqual(["rotate_key", "export_activity_log"]);
  expect(actionsIn("orders", groups)).toEqual(["create_order"]);
});

test("a range of many years shows the days from its first entry to its last", () => {
  const range = { from: "2000-01-01", to: "9999-12-31" };
  const days = perDay(range, [created("2026-11-03", 1), created("2026-11-01", 1)]);
  expect(days.map(({ day }) => day)).toEqual(["2026-11-01", "2026-11-02", "2026-11-03"]);
  expect(perDay(range, [])).toHaveLength(1);
});

test("names are added up, the newest name stands, and the most entries come first", () => {
  const groups = [
    { customer: { id: "a", name: "Relecloud Ltd" }, count: 1 },
    { customer: { id: "b", name: "Fabrikam" }, count: 5 },
    { customer: { id: "a", name: "Relecloud" }, count: 6 },
    { count: 9 },
  ];
  const ids = ({ customer }: (typeof groups)[number]) => customer?.id;
  const names = ({ customer }: (typeof groups)[number]) => customer?.name ?? "";
  expect(ranked(groups, ids, names)).toEqual([
    { id: "a", name: "Relecloud Ltd", count: 7 },
    { id: "b", name: "Fabrikam", count: 5 },
  ]);
});
