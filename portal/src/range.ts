// Days of a time zone, and the periods that the page offers.

export type Period = "today" | "week" | "month" | "quarter" | "year";

/** Both ends of a range: days, or moments such as `2026-11-22T08:30` by the zone's clocks. */
export interface Days {
  from: string;
  to: string;
}

/** How many days lie before today in each period. */
const DAYS_BEFORE: Record<Period, number> = {
  today: 0,
  week: 6,
  month: 30,
  quarter: 90,
  year: 365,
};

export const PERIODS = Object.keys(DAYS_BEFORE) as Period[];

/** The current day in a time zone: `2026-11-22`. */
export function today(timeZone: string, now = new Date()): string {
  return dayIn(timeZone, now);
}

/** The day of a moment in a time zone. */
export function dayIn(timeZone: string, moment: Date): string {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "gregory",
    numberingSystem: "latn",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  }).formatToParts(moment);
  const part = (type: string) => parts.find((part) => part.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")}`;
}

/** The day a number of days before another; clock changes do not matter to dates. */
export function daysBefore(day: string, count: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() - count);
  return date.toISOString().slice(0, 10);
}

export function daysOf(period: Period, timeZone: string, now = new Date()): Days {
  const to = today(timeZone, now);
  return { from: daysBefore(to, DAYS_BEFORE[period]), to };
}

/** The period that has exactly these days now, if any. */
export function periodOf(days: Days, timeZone: string, now = new Date()): Period | undefined {
  return PERIODS.find((period) => {
    const { from, to } = daysOf(period, timeZone, now);
    return from === days.from && to === days.to;
  });
}

/** Every day from the first to the last. */
export function eachDay({ from, to }: Days): string[] {
  const days: string[] = [];
  for (let day = to; day >= from; day = daysBefore(day, 1)) days.push(day);
  return days.reverse();
}

/** The share of a range that lies after a day; undefined while that is less than a day.
 *
 * Days that are still to come do not count, because nothing is read there.
 */
export function shareAfter(day: string, { from, to }: Days, today: string): number | undefined {
  const [first, reached] = [dayOf(from), day].map(Date.parse) as [number, number];
  const last = Math.min(Date.parse(dayOf(to)), Date.parse(today));
  const share = (last - reached) / (last - first + DAY_MS);
  return share > 0 ? Math.min(share, 1) : undefined;
}

export function isDay(text: string | null): text is string {
  if (!text || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

export function isBound(text: string | null): text is string {
  if (!text || !isDay(dayOf(text))) return false;
  return text.length === 10 || /^T([01]\d|2[0-3]):[0-5]\d$/.test(text.slice(10));
}

export function dayOf(bound: string): string {
  return bound.slice(0, 10);
}

/** The time of day; empty if the bound is a whole day. */
export function timeOf(bound: string): string {
  return bound.slice(11);
}

export function boundOf(day: string, time: string): string {
  return time ? `${day}T${time}` : day;
}

/** Whether the range ends before it begins; a day as its end is the whole day. */
export function isReversed({ from, to }: Days): boolean {
  return boundOf(dayOf(from), timeOf(from) || "00:00") > boundOf(dayOf(to), timeOf(to) || "24:00");
}

/** The range as the service takes it: days as they are, other moments in UTC. */
export function asked<Range extends Days & { time_zone: string }>(range: Range): Range {
  const { from, to, time_zone } = range;
  return {
    ...range,
    from: timeOf(from) ? instantsOf(from, time_zone)[0] : from,
    to: timeOf(to) ? instantsOf(to, time_zone)[1] : to,
  };
}

const DAY_MS = 86_400_000;

/** The first and the last moment that the service knows. */
const FIRST = Date.parse("0000-01-01T00:00:00Z");
const LAST = Date.parse("9999-12-31T23:59:59.999Z");

/** Between these, each year has four digits in every zone. */
const FOUR_DIGITS = [
  Date.parse("1000-01-03T00:00:00Z"),
  Date.parse("9999-12-29T00:00:00Z"),
] as const;

/** The first and the last instant at which a zone's clocks show a moment: two when clocks go back. */
function instantsOf(moment: string, timeZone: string): [first: string, last: string] {
  const shown = Date.parse(`${moment}:00Z`);
  const near = [-DAY_MS, DAY_MS].map((away) => shown - aheadOfUtc(shown + away, timeZone));
  const showing = near.filter((instant) => instant + aheadOfUtc(instant, timeZone) === shown);
  // When clocks go forward, no instant shows some moments; they lie between both.
  const instants = showing.length > 0 ? showing : near;
  return [Math.min(...instants), Math.max(...instants)].map((instant) =>
    new Date(clamped(instant, FIRST, LAST)).toISOString(),
  ) as [string, string];
}

/** How far a zone's clocks are ahead of UTC at an instant, in milliseconds. */
function aheadOfUtc(instant: number, timeZone: string): number {
  const format = new Intl.DateTimeFormat("sv-SE", {
    timeZone,
    dateStyle: "short",
    timeStyle: "medium",
  });
  const at = clamped(Math.floor(instant / 1_000) * 1_000, ...FOUR_DIGITS);
  return Date.parse(`${format.format(at).replace(" ", "T")}Z`) - at;
}

function clamped(instant: number, first: number, last: number): number {
  return Math.min(Math.max(instant, first), last);
}

/** A zone's name in its usual spelling, if there is such a zone: `asia/seoul` is `Asia/Seoul`. */
export function timeZoneOf(name: string | null): string | undefined {
  // Browsers accept an offset such as `+09:00` as a zone, but the service does not.
  if (!name || /^[+-]/.test(name)) return undefined;
  try {
    const known = new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone;
    // A browser may have another name for a zone, such as Calcutta for Kolkata.
    return known.toLowerCase() === name.toLowerCase() ? known : name;
  } catch {
    return undefined;
  }
}

export function ownTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
