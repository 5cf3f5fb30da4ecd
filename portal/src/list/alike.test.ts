import { expect, test } from "vitest";
import { COLUMNS_MAX, columnsOf } from "./alike";

test("alike objects have the columns of all of them", () => {
  expect(
    columnsOf([
      { offer: "a", seats: 1 },
      { offer: null, note: "b" },
    ]),
  ).toEqual(["offer", "seats", "note"]);
});

test("objects with nothing, with objects, or with too much in them are no table", () => {
  const keys = Array.from({ length: COLUMNS_MAX + 1 }, (_, one) => ({ [`k${one}`]: one }));
  for (const items of [[], [{}, {}], [{ a: { b: 1 } }], [{ a: 1 }, 2], [[1]], keys]) {
    expect(columnsOf(items)).toBeUndefined();
  }
  expect(columnsOf(keys.slice(1))).toHaveLength(COLUMNS_MAX);
});
