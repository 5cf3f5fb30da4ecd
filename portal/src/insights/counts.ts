// The counts of a range, added up over all answers.

import { useEffect } from "react";
import type { Summary } from "../api/client";
import { useSummary } from "../api/queries";
import type { GroupBy } from "../api/queries";
import { groupOf } from "../words/actions";
import type { Group } from "../words/actions";
import { daysBefore, eachDay } from "../range";
import type { Days } from "../range";
import type { Filter } from "../view";

type SummaryGroup = Summary["groups"][number];

export interface Named {
  id: string;
  name: string;
  count: number;
}

/** A day and its entries by group of actions. */
export interface Day {
  day: string;
  total: number;
  groups: Partial<Record<Group, number>>;
}

/** Sends requests until the whole range is counted. */
export function useCounts(filter: Filter, groupBy: GroupBy[]) {
  const summary = useSummary(filter, groupBy);
  const { hasNextPage, isFetching, isError, isPlaceholderData, fetchNextPage, data } = summary;
  useEffect(() => {
    if (hasNextPage && !isFetching && !isError) void fetchNextPage();
  }, [hasNextPage, isFetching, isError, fetchNextPage, data]);
  const groups = data?.pages.flatMap((page) => page.groups) ?? [];
  const complete = summary.isSuccess && !isPlaceholderData && !hasNextPage;
  return { ...summary, groups, complete };
}

export function total(groups: SummaryGroup[]): number {
  return groups.reduce((sum, { count }) => sum + count, 0);
}

/** The actions that were counted in a group of actions. */
export function actionsIn(group: Group, groups: SummaryGroup[]): string[] {
  const actions = new Set(groups.flatMap(({ action }) => action ?? []));
  return [...actions].filter((action) => groupOf(action) === group);
}

/** Adds up the groups with the same name, most entries first. */
export function ranked(
  groups: SummaryGroup[],
  of: (group: SummaryGroup) => { id: string; name: string } | undefined,
): Named[] {
  const found = new Map<string, Named>();
  for (const group of groups) {
    const named = of(group);
    if (!named) continue;
    // The newest entries are counted first, so the first name is the newest.
    const entry = found.get(named.id) ?? { ...named, count: 0 };
    entry.count += group.count;
    found.set(named.id, entry);
  }
  return [...found.values()].sort((one, other) => other.count - one.count);
}

/** The most days of a range that are all shown; a longer one begins at its first entry. */
const DAYS_SHOWN = 366;

/** Every day of the range; of a long range, only the days from the first entry to the last. */
export function perDay(range: Days, groups: SummaryGroup[]): Day[] {
  const days = eachDay(isLong(range) ? counted(range, groups) : range);
  const found = new Map(days.map((day) => [day, { day, total: 0, groups: {} } as Day]));
  for (const { day, action, count } of groups) {
    const entry = found.get(day ?? "");
    if (!entry || !action) continue;
    const group = groupOf(action);
    entry.total += count;
    entry.groups[group] = (entry.groups[group] ?? 0) + count;
  }
  return [...found.values()];
}

function isLong({ from, to }: Days): boolean {
  return from < daysBefore(to, DAYS_SHOWN);
}

function counted({ to }: Days, groups: SummaryGroup[]): Days {
  const days = groups.flatMap(({ day }) => day ?? []).sort();
  return { from: days.at(0) ?? to, to: days.at(-1) ?? to };
}
