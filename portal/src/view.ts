// What the page shows; the address bar holds it.
//
// The names are those of the API's parameters, so that people can read an address.

import { useCallback, useMemo, useSyncExternalStore } from "react";
import type { Outcome } from "./api/client";
import { daysOf, isBound, ownTimeZone, timeZoneOf } from "./range";

/** Conditions with one value, by their parameters' names. */
export const CONDITIONS = [
  "customer",
  "customer_id",
  "actor",
  "actor_id",
  "resource_type",
  "resource_id",
  "correlation_id",
] as const;
export type Condition = (typeof CONDITIONS)[number];

export const OUTCOMES: Outcome[] = ["succeeded", "failed", "in_progress", "declined"];

const PANELS = ["insights", "exports"] as const;
export type Panel = (typeof PANELS)[number];

/** An entry's id, in the form of the contract's `ActivityId`. */
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The most entries that are open at once; of more, those opened last stay open. */
export const OPEN_MAX = 20;

/** A period: each end is a day, or a moment such as `2026-11-22T08:30`, in the time zone. */
export interface Range {
  from: string;
  to: string;
  time_zone: string;
}

/** What the page requests from the service. */
export interface Filter extends Range, Partial<Record<Condition, string>> {
  action: string[];
  outcome: Outcome[];
}

export interface View {
  filter: Filter;
  /** The entries that are open. */
  open: string[];
  panels: Panel[];
}

export const NO_CONDITIONS = {
  ...(Object.fromEntries(CONDITIONS.map((name) => [name, undefined])) as object),
  action: [],
  outcome: [],
} satisfies FilterChange;

export type FilterChange = {
  [Name in keyof Filter]?: Filter[Name] | undefined;
};

export function readView(search: string): View {
  const query = new URLSearchParams(search);
  const zone = timeZoneOf(query.get("time_zone")) ?? ownTimeZone();
  const month = daysOf("month", zone);
  const [from, to] = [query.get("from"), query.get("to")];
  const actions = query.getAll("action").filter((action) => /^[a-z0-9._-]{1,64}$/.test(action));
  const conditions = CONDITIONS.flatMap((name) => {
    const value = query.get(name);
    return value ? [[name, value] as const] : [];
  });
  return {
    filter: {
      ...Object.fromEntries(conditions),
      from: isBound(from) ? from : month.from,
      to: isBound(to) ? to : month.to,
      time_zone: zone,
      action: once(actions),
      outcome: OUTCOMES.filter((outcome) => query.getAll("outcome").includes(outcome)),
    },
    open: once(query.getAll("open").filter((id) => ID.test(id))).slice(-OPEN_MAX),
    panels: PANELS.filter((panel) => query.getAll("panel").includes(panel)),
  };
}

function once(items: string[]): string[] {
  return [...new Set(items)];
}

export function writeView({ filter, open, panels }: View): string {
  const query = new URLSearchParams();
  for (const name of ["from", "to", "time_zone", ...CONDITIONS] as const) {
    const value = filter[name];
    if (value) query.set(name, value);
  }
  for (const action of filter.action) query.append("action", action);
  for (const outcome of filter.outcome) query.append("outcome", outcome);
  for (const id of open) query.append("open", id);
  for (const panel of panels) query.append("panel", panel);
  return `?${query}`;
}

/** Whether a filter of the page, or of an export, has conditions beside its range. */
export function hasConditions(filter: Partial<Filter>): boolean {
  const { action = [], outcome = [] } = filter;
  return (
    action.length > 0 || outcome.length > 0 || CONDITIONS.some((name) => filter[name] !== undefined)
  );
}

/** The address of an entry alone, in the period that is shown. */
export function linkToEntry(id: string): string {
  const { filter } = readView(location.search);
  const view = { filter: changed(filter, NO_CONDITIONS), open: [id], panels: [] };
  return `${location.origin}/${writeView(view)}`;
}

/** A filter with changes; a condition that becomes undefined is removed. */
export function changed(filter: Filter, change: FilterChange): Filter {
  const entries = Object.entries({ ...filter, ...change });
  return Object.fromEntries(
    entries.filter(([, value]) => value !== undefined),
  ) as unknown as Filter;
}

const MOVED = "view-moved";

function subscribe(listener: () => void) {
  const names = ["popstate", MOVED];
  for (const name of names) addEventListener(name, listener);
  return () => {
    for (const name of names) removeEventListener(name, listener);
  };
}

function go(view: View, how: "pushState" | "replaceState") {
  history[how](null, "", writeView(view));
  dispatchEvent(new Event(MOVED));
}

/** Writes the default values into the address, so that another person sees the same view. */
export function completeAddress() {
  go(readView(location.search), "replaceState");
}

export function useView() {
  const search = useSyncExternalStore(subscribe, () => location.search);
  const view = useMemo(() => readView(search), [search]);
  const setFilter = useCallback((change: FilterChange) => {
    const now = readView(location.search);
    go({ ...now, filter: changed(now.filter, change) }, "pushState");
  }, []);
  const setPanel = useCallback((panel: Panel, shown: boolean) => {
    const now = readView(location.search);
    const others = now.panels.filter((one) => one !== panel);
    go({ ...now, panels: shown ? [...others, panel] : others }, "pushState");
  }, []);
  const toggle = useCallback((id: string) => {
    const now = readView(location.search);
    const open = now.open.includes(id) ? now.open.filter((one) => one !== id) : [...now.open, id];
    go({ ...now, open }, "replaceState");
  }, []);
  return { ...view, setFilter, setPanel, toggle };
}
