import { expect, test } from "vitest";
import { OPEN_MAX, changed, hasConditions, readView, writeView } from "./view";

const ADDRESS =
  "?from=2026-11-01&to=2026-11-30&time_zone=Asia%2FSeoul&customer=a%26b&customer_id=c%2F1" +
  "&action=create_order&action=x.y-z&outcome=failed&open=01a202b2-c5fa-746a-ae08-cc49f6d1eb42" +
  "&panel=insights&panel=exports";

test("an address is read and written back as it was", () => {
  expect(writeView(readView(ADDRESS))).toBe(ADDRESS);
});

test("what an address cannot mean is left out", () => {
  const { filter, panels, open } = readView(
    "?from=2026-02-30&outcome=lost&action=A%20B&action=a&action=a&panel=x&customer=&open=../x",
  );
  expect(filter).toMatchObject({ action: ["a"], outcome: [] });
  expect(filter.from).toMatch(/^\d{4}-\d{2}-\d{2}$/);
  expect([panels, open]).toEqual([[], []]);
  expect(hasConditions(filter)).toBe(true);
  expect(hasConditions(readView("?customer=").filter)).toBe(false);
});

test("of many open entries those opened last stay open", () => {
  const ids = Array.from({ length: OPEN_MAX + 5 }, (_, one) => {
    return `01a202b2-c5fa-746a-ae08-${String(one).padStart(12, "0")}`;
  });
  const { open } = readView(`?${ids.map((id) => `open=${id}`).join("&")}`);
  expect(open).toEqual(ids.slice(-OPEN_MAX));
});

test("a condition that becomes undefined goes", () => {
  const { filter } = readView(ADDRESS);
  expect("customer" in changed(filter, { customer: undefined })).toBe(false);
});
