// How many entries of the period have each action and each outcome.
//
// Other conditions do not matter, so one count serves all filters of a period.

import { useMemo, useState } from "react";
import type { Summary } from "../api/client";
import { useSummaryOfPeriod } from "../api/queries";
import { isReversed } from "../range";
import type { Range } from "../view";
import { useWalk } from "../walk";

type Groups = Summary["groups"];

export type ValueCounts = ReturnType<typeof useValueCounts>;

/** Counts nothing before `show` is called, and goes on as long as the counts are shown. */
export function useValueCounts({ from, to, time_zone }: Range) {
  const range = { from, to, time_zone };
  const period = Object.values(range).join();
  const [shownFor, setShownFor] = useState<string>();
  const isShown = shownFor === period && !isReversed(range);
  const summary = useSummaryOfPeriod(range, ["action", "outcome"], isShown);
  const walk = useWalk(summary, !isShown);
  const pages = isShown ? summary.data?.pages : undefined;
  const groups = useMemo(() => pages?.flatMap((page) => page.groups) ?? [], [pages]);
  return {
    groups,
    walk,
    error: isShown && !summary.isFetching ? summary.error : null,
    isShown,
    isKnown: pages !== undefined,
    isComplete: isShown && summary.isSuccess && !summary.hasNextPage,
    show: (shown: boolean) => setShownFor(shown ? period : undefined),
  };
}

/** How many entries have this value. */
export function countOf(groups: Groups, name: "action" | "outcome", value: string): number {
  return groups.reduce((sum, group) => sum + (group[name] === value ? group.count : 0), 0);
}
