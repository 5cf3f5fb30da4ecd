// The columns of the list, and which of them are shown.

import { useSyncExternalStore } from "react";
import { recall, remember } from "../remembered";

/** Every column, in order, and its width; the time is always shown. */
const WIDTHS = {
  occurred_at: "13rem",
  customer: "minmax(0, 1.3fr)",
  action: "minmax(0, 1.6fr)",
  actor: "minmax(0, 1.2fr)",
  resource: "minmax(0, 1.2fr)",
  correlation_id: "minmax(0, 1.2fr)",
  recorded_at: "13rem",
  outcome: "8.5rem",
} as const;

export type Column = keyof typeof WIDTHS;

/** Those that a person can hide and show. */
export const CHOICES = (Object.keys(WIDTHS) as Column[]).filter((name) => name !== "occurred_at");

const FIRST: Column[] = ["customer", "action", "actor", "outcome"];

const STORED = "columns";

const listeners = new Set<() => void>();

let chosen = stored();

/** The choice of an earlier visit, without columns that there are no more. */
function stored(): Column[] {
  const names = recall(STORED)?.split(",");
  return names ? CHOICES.filter((name) => names.includes(name)) : FIRST;
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function toggleColumn(column: Column) {
  chosen = CHOICES.filter((name) => chosen.includes(name) !== (name === column));
  remember(STORED, chosen.join(","));
  for (const listener of listeners) listener();
}

/** The columns that are shown, the time first. */
export function useColumns(): Column[] {
  const shown = useSyncExternalStore(subscribe, () => chosen);
  return ["occurred_at", ...shown];
}

/** The widths of columns, after that of the button which opens an entry. */
export function widthsOf(columns: Column[]): string {
  return ["3rem", ...columns.map((column) => WIDTHS[column])].join(" ");
}
