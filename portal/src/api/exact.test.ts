import { expect, test } from "vitest";
import { ExactNumber, isScalar, parseExactly, stringifyExactly, textOf } from "./exact";

const NUMBERS = [
  "0",
  "-0",
  "1.0",
  "1e2",
  "-2.50E+03",
  "12345678901234567890",
  "0.1000000000000000055511151231257827",
  "1e400",
];

test.each(NUMBERS)("%s is shown and written as it was sent", (text) => {
  const read = parseExactly(`{"a":[${text}],"b":${text}}`) as { a: unknown[]; b: unknown };
  expect([textOf(read.a[0]), textOf(read.b)]).toEqual([text, text]);
  expect(stringifyExactly(read)).toBe(`{\n  "a": [\n    ${text}\n  ],\n  "b": ${text}\n}`);
});

test("what is no number stays what it is, also a text with digits, quotes and names like a number's", () => {
  const json = String.raw`{"1":"2","a\"3":"\\","__proto__":"-4","c":[true,null,"5\u0036",{}]}`;
  const read = parseExactly(json);
  expect(JSON.stringify(read)).toBe(JSON.stringify(JSON.parse(json)));
  expect(Object.keys(read as object)).toContain("__proto__");
  expect(JSON.parse(stringifyExactly(read))).toEqual(JSON.parse(json));
});

test("a scalar's text is its own", () => {
  expect([textOf("a"), textOf(true), textOf(null)]).toEqual(["a", "true", "null"]);
  const values = [null, "a", new ExactNumber("1"), [], { text: "1" }];
  expect(values.map(isScalar)).toEqual([true, true, true, false, false]);
});
