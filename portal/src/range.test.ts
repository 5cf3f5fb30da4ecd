import { expect, test } from "vitest";
import { daysOf, eachDay, isDay, periodOf, timeZoneOf, today } from "./range";

const NOW = new Date("2026-11-01T03:30:00Z");

test("a day is a day of the time zone", () => {
  expect(today("Asia/Seoul", NOW)).toBe("2026-11-01");
  expect(today("America/New_York", NOW)).toBe("2026-10-31");
});

test("a month is today and the 30 days before, as the service has it", () => {
  expect(daysOf("month", "UTC", NOW)).toEqual({ from: "2026-10-02", to: "2026-11-01" });
  expect(daysOf("week", "UTC", NOW)).toEqual({ from: "2026-10-26", to: "2026-11-01" });
  expect(daysOf("today", "UTC", NOW)).toEqual({ from: "2026-11-01", to: "2026-11-01" });
});

test("a period is known by its days, until tomorrow", () => {
  const week = daysOf("week", "UTC", NOW);
  expect(periodOf(week, "UTC", NOW)).toBe("week");
  expect(periodOf(week, "UTC", new Date("2026-11-02T00:00:00Z"))).toBeUndefined();
});

test("each day stands once, also where clocks change", () => {
  expect(eachDay({ from: "2026-02-27", to: "2026-03-02" })).toEqual([
    "2026-02-27",
    "2026-02-28",
    "2026-03-01",
    "2026-03-02",
  ]);
  expect(eachDay({ from: "2026-03-02", to: "2026-03-01" })).toEqual([]);
});

test("what is no day or no zone is refused", () => {
  for (const text of ["2026-02-30", "2026-1-1", "yesterday", "", null]) {
    expect(isDay(text)).toBe(false);
  }
  for (const name of ["Moon/Base", "+09:00", "-05", "", null]) {
    expect(timeZoneOf(name)).toBeUndefined();
  }
});

test("a zone is written as the service spells it", () => {
  expect(["Europe/Berlin", "asia/seoul", "utc"].map(timeZoneOf)).toEqual([
    "Europe/Berlin",
    "Asia/Seoul",
    "UTC",
  ]);
  expect(timeZoneOf("Asia/Kolkata")).toMatch(/^Asia\/(Kolkata|Calcutta)$/);
});
