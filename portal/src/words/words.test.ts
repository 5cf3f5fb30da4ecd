import { createIntl } from "react-intl";
import { expect, test } from "vitest";
import { actionInWords, knownActions } from "./actions";
import { en } from "./en";
import { ko } from "./ko";

/** The names of a message's values: `{count, plural, …}` and `{name}`. */
function valuesOf(message: string): string[] {
  const names = [...message.matchAll(/\{(\w+)[,}]/g)].map(([, name]) => name ?? "");
  return [...new Set(names)].sort();
}

test("both languages have the same words with the same values", () => {
  expect(Object.keys(ko).sort()).toEqual(Object.keys(en).sort());
  for (const [word, message] of Object.entries(en)) {
    expect(valuesOf(ko[word as keyof typeof en]), word).toEqual(valuesOf(message));
  }
});

test("every word is said somewhere", () => {
  const sources = import.meta.glob<string>(["../**/*.{ts,tsx}", "!../words/{en,ko}.ts"], {
    query: "?raw",
    import: "default",
    eager: true,
  });
  const text = Object.values(sources).join("\n");
  // The code composes the names of a family, such as `state.ready`.
  const said = (word: string) => text.includes(`"${word}"`) || text.includes(`\`${word}.$`);
  const dead = Object.keys(en).filter((word) => !said(word.split(".")[0] ?? "") && !said(word));
  expect(dead).toEqual([]);
});

test.each([
  ["en", en],
  ["ko", ko],
] as const)("every message of %s can be said", (locale, messages) => {
  const failed: unknown[] = [];
  const intl = createIntl({ locale, messages, onError: (error) => failed.push(error) });
  for (const [id, message] of Object.entries(messages)) {
    const values = Object.fromEntries(valuesOf(message).map((name) => [name, 2]));
    expect(intl.formatMessage({ id }, values)).not.toBe("");
  }
  expect(failed).toEqual([]);
});

test("an action is told in words of the language, an unknown one by its name", () => {
  expect(actionInWords("create_referral", "en")).toBe("Created a referral");
  expect(actionInWords("create_referral", "ko")).toBe("추천 만들기");
  expect(actionInWords("rotate_signing.key", "ko")).toBe("Rotate signing key");
  expect(actionInWords("constructor", "en")).toBe("Constructor");
  const korean = knownActions().filter((action) => /[가-힣]/.test(actionInWords(action, "ko")));
  expect(korean).toEqual(knownActions());
});
