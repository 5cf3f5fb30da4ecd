// Moments as people read them.

import type { IntlShape } from "react-intl";

/** By how many minutes clocks are turned back somewhere. */
const TURNED_BACK = [30, 60, 120];

type Intl = Pick<IntlShape, "formatDate" | "formatDateToParts">;

/** The local time, with the zone's offset where clocks show that time twice. */
export function momentInWords(intl: Intl, moment: string, timeZone: string): string {
  const at = Date.parse(moment);
  const shownAt = (at: number) =>
    intl.formatDate(at, { dateStyle: "medium", timeStyle: "medium", timeZone });
  const shown = shownAt(at);
  const isShownTwice = TURNED_BACK.some((minutes) =>
    [-minutes, minutes].some((shift) => shownAt(at + shift * 60_000) === shown),
  );
  return isShownTwice ? `${shown} (${offsetOf(intl, at, timeZone)})` : shown;
}

function offsetOf(intl: Intl, at: number, timeZone: string): string {
  const parts = intl.formatDateToParts(at, { timeZoneName: "shortOffset", timeZone });
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
}
