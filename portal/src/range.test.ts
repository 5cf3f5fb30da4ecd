import { expect, test } from "vitest";
import {
  asked,
  daysOf,
  eachDay,
  isBound,
  isDay,
  isReversed,
  periodOf,
  timeZoneOf,
  today,
  shareAfter,
} from "./range";

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

test("a time of day is one of the zone's clocks, and a day stays a day", () => {
  const range = (from: string, to: string, time_zone: string) => asked({ from, to, time_zone });
  expect(range("2026-11-22T08:30", "2026-11-22", "Asia/Seoul")).toMatchObject({
    from: "2026-11-21T23:30:00.000Z",
    to: "2026-11-22",
  });
  // Clocks show this hour twice: the range holds both.
  expect(range("2026-11-01T01:30", "2026-11-01T01:30", "America/New_York")).toMatchObject({
    from: "2026-11-01T05:30:00.000Z",
    to: "2026-11-01T06:30:00.000Z",
  });
  // Clocks skip this hour: the range holds what may be meant.
  expect(range("2026-03-08T02:30", "2026-03-08T02:30", "America/New_York")).toMatchObject({
    from: "2026-03-08T06:30:00.000Z",
    to: "2026-03-08T07:30:00.000Z",
  });
});

test.each([
  ["2026-11-01T03:00", "America/New_York", "2026-11-01T08:00:00.000Z"],
  ["2026-11-01T00:59", "America/New_York", "2026-11-01T04:59:00.000Z"],
  ["2026-10-31T12:00", "America/New_York", "2026-10-31T16:00:00.000Z"],
  ["2026-11-01T12:00", "America/New_York", "2026-11-01T17:00:00.000Z"],
  ["2026-03-08T12:00", "America/New_York", "2026-03-08T16:00:00.000Z"],
  ["2026-03-07T12:00", "America/New_York", "2026-03-07T17:00:00.000Z"],
  ["2026-03-08T01:59", "America/New_York", "2026-03-08T06:59:00.000Z"],
  ["9999-12-31T23:59", "UTC", "9999-12-31T23:59:00.000Z"],
  ["9999-12-31T23:59", "America/New_York", "9999-12-31T23:59:59.999Z"],
  ["0999-01-01T00:00", "UTC", "0999-01-01T00:00:00.000Z"],
  ["0000-01-01T00:00", "Asia/Seoul", "0000-01-01T00:00:00.000Z"],
])("%s in %s is one instant", (moment, time_zone, instant) => {
  expect(asked({ from: moment, to: moment, time_zone })).toMatchObject({
    from: instant,
    to: instant,
  });
});

test("an end of a range is a day or a moment of the day", () => {
  const good = ["2026-11-22", "2026-11-22T00:00", "2026-11-22T23:59"];
  expect(good.every(isBound)).toBe(true);
  const bad = ["2026-11-22T24:00", "2026-11-22T1:00", "2026-02-30T01:00", "2026-11-22Z", "", null];
  expect(bad.some(isBound)).toBe(false);
});

test("a range may begin and end within a day", () => {
  expect(isReversed({ from: "2026-11-22T08:30", to: "2026-11-22" })).toBe(false);
  expect(isReversed({ from: "2026-11-22", to: "2026-11-22T00:00" })).toBe(false);
  expect(isReversed({ from: "2026-11-22T08:30", to: "2026-11-22T08:29" })).toBe(true);
  expect(isReversed({ from: "2026-11-23", to: "2026-11-22" })).toBe(true);
});

test.each([
  ["2026-11-04", 0.6],
  ["2026-11-01", 0.9],
  // Less than a day was read, and an entry of the service's own lies after today.
  ["2026-11-10", undefined],
  ["2026-11-12", undefined],
  // A range that is read to its end is not shown any more.
  ["2026-10-01", 1],
])("down to %s, a share of %s of the range was read", (day, share) => {
  const range = { from: "2026-11-01", to: "2026-11-30T08:30" };
  expect(shareAfter(day, range, "2026-11-10")).toBe(share);
});
