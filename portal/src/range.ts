// Days of a time zone, and the periods that the page offers.

export type Period = "today" | "week" | "month";

export interface Days {
  from: string;
  to: string;
}

/** How many days lie before today in each period. */
const DAYS_BEFORE: Record<Period, number> = { today: 0, week: 6, month: 30 };

export const PERIODS = Object.keys(DAYS_BEFORE) as Period[];

/** The current day in a time zone: `2026-11-22`. */
export function today(timeZone: string, now = new Date()): string {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "gregory",
    numberingSystem: "latn",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  }).formatToParts(now);
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

export function isDay(text: string | null): text is string {
  if (!text || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
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
