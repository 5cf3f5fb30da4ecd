import { expect, test } from "vitest";
import { changed, hasConditions, readView, writeView } from "./view";

const ADDRESS =
  "?from=2026-11-01&to=2026-11-30&time_zone=Asia%2FSeoul&customer=a%26b&customer_id=c%2F1" +
  "&action=create_order&action=x.y-z&outcome=failed&open=one&open=two&panel=insights";

test("an address is read and written back as it was", () => {
  expect(writeView(readView(ADDRESS))).toBe(ADDRESS);
});

test("what an address cannot mean is left out", () => {
  const { filter, panel } = readView(
    "?from=2026-02-30&outcome=lost&action=A%20B&panel=x&customer=",
  );
  expect(filter).toMatchObject({ action: [], outcome: [] });
  expect(filter.from).toMatch(/^\d{4}-\d{2}-\d{2}$/);
  expect(panel).toBeUndefined();
  expect(hasConditions(filter)).toBe(false);
});

test("a condition that becomes undefined goes", () => {
  const { filter } = readView(ADDRESS);
  expect("customer" in changed(filter, { customer: undefined })).toBe(false);
});
