import { expect, test } from "vitest";
import { actionsOf } from "./branding";

test("an action needs words in one language, and an unknown group is the one it had", () => {
  const actions = {
    rotate_key: { en: "Rotated a key", ko: "키 교체", group: "devices" },
    close_case: { ko: "사례 종료", group: "nothing" },
    create_order: { en: "Placed an order" },
    empty: { en: " ", ko: 1 },
    long: { en: "x".repeat(257) },
    wrong: "text",
    RotateKey: { en: "Not the name of an action" },
    "rotate key": { en: "Nor this" },
    control: { en: "a\u0000b" },
    surrogate: { en: "a\ud800" },
  };
  expect(actionsOf({ actions })).toEqual({
    rotate_key: { en: "Rotated a key", ko: "키 교체", group: "devices" },
    close_case: { en: "사례 종료", ko: "사례 종료", group: "other" },
    create_order: { en: "Placed an order", ko: "Placed an order", group: "orders" },
  });
});

test.each([undefined, null, 1, [], {}, { actions: null }, { actions: [1] }])(
  "a file that holds %j changes nothing",
  (file) => expect(actionsOf(file)).toEqual({}),
);
