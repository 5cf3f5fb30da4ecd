// The counts of a range, added up over all answers.

import type { Summary } from "../api/client";
import { useSummary } from "../api/queries";
import type { GroupBy } from "../api/queries";
import { groupOf } from "../words/actions";
import type { Group } from "../words/actions";
import { daysBefore, eachDay } from "../range";
import type { Days } from "../range";
import type { Filter } from "../view";
import { useWalk } from "../walk";

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

export type Counts = ReturnType<typeof useCounts>;

/** Counts the whole range once that is wanted, in as many requests as it takes. */
export function useCounts(filter: Filter, groupBy: GroupBy[], isWanted = true) {
  const summary = useSummary(filter, groupBy, isWanted);
  const walk = useWalk(summary, !isWanted);
  const groups = summary.data?.pages.flatMap((page) => page.groups) ?? [];
  const isOld = summary.isPlaceholderData;
  const isComplete = summary.isSuccess && !isOld && !summary.hasNextPage;
  const error = summary.isFetching ? null : summary.error;
  const readTo = summary.data?.pages.at(-1)?.read_to;
  return { groups, walk, error, isOld, isComplete, isEmpty: !summary.data, readTo };
}

export function total(groups: SummaryGroup[]): number {
  return groups.reduce((sum, { count }) => sum + count, 0);
}

/** The actions that were counted in a group of actions. */
export function actionsIn(group: Group, groups: SummaryGroup[]): string[] {
  const actions = new Set(groups.flatMap(({ action }) => action ?? []));
  return [...actions].filter((action) => groupOf(action) === group);
}

/** Adds up the groups with the same id, most entries first; each id is named once. */
export function ranked(
  groups: SummaryGroup[],
  idOf: (group: SummaryGroup) => string | undefined,
  nameOf: (group: SummaryGroup, id: string) => string,
): Named[] {
  const found = new Map<string, Named>();
  for (const group of groups) {
    const id = idOf(group);
    if (id === undefined) continue;
    // The newest entries are counted first, so the first name is the newest.
    const entry = found.get(id) ?? { id, name: nameOf(group, id), count: 0 };
    entry.count += group.count;
    found.set(id, entry);
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
  const days = daysOf(groups);
  return { from: days.at(0) ?? to, to: days.at(-1) ?? to };
}

/** The days that have entries, the oldest first. */
function daysOf(groups: SummaryGroup[]): string[] {
  return groups.flatMap(({ day }) => day ?? []).sort();
}
