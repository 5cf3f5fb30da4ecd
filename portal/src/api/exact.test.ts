import { expect, test } from "vitest";
import { isScalar, parseExactly, textOf } from "./exact";

test("what JavaScript can hold stays what it is", () => {
  const text = '{"a":[1,2.5,"x",null,true],"b":{"c":-0.25}}';
  expect(parseExactly(text)).toEqual(JSON.parse(text));
});

test("a scalar's text is the one that was sent", () => {
  expect([textOf("a"), textOf(1.5), textOf(true), textOf(null)]).toEqual([
    "a",
    "1.5",
    "true",
    "null",
  ]);
  expect([isScalar(null), isScalar(1), isScalar([]), isScalar({ rawJSON: "1" })]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
