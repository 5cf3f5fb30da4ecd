import { createIntl } from "react-intl";
import { expect, test } from "vitest";
import { momentInWords } from "./moments";

function shown(moment: string, timeZone: string, locale = "en") {
  return momentInWords(createIntl({ locale }), moment, timeZone).replace(/\s/g, " ");
}

test("a time that clocks show twice has the offset of each", () => {
  const newYork = "America/New_York";
  expect(shown("2026-11-01T05:30:00Z", newYork)).toBe("Nov 1, 2026, 1:30:00 AM (GMT-4)");
  expect(shown("2026-11-01T06:30:00Z", newYork)).toBe("Nov 1, 2026, 1:30:00 AM (GMT-5)");
  expect(shown("2026-11-01T06:30:00Z", newYork, "ko")).toMatch(/\(GMT-5\)$/);
  // There, clocks are turned back by half an hour.
  expect(shown("2026-04-04T14:45:00Z", "Australia/Lord_Howe")).toMatch(/\(GMT\+11\)$/);
  expect(shown("2026-04-04T15:15:00Z", "Australia/Lord_Howe")).toMatch(/\(GMT\+10:30\)$/);
});

test("any other time has none", () => {
  for (const moment of ["2026-11-01T04:59:59Z", "2026-11-01T07:00:00Z", "2026-03-08T07:30:00Z"]) {
    expect(shown(moment, "America/New_York")).not.toContain("GMT");
  }
  expect(shown("2026-11-01T05:30:00Z", "UTC")).toBe("Nov 1, 2026, 5:30:00 AM");
});
