// The search for entries: it fills one page by itself, and another one when somebody asks.

import { useState } from "react";
import { PAGE_LIMIT } from "../api/queries";
import type { useActivities } from "../api/queries";
import { useWalk } from "../walk";
import type { Walk } from "../walk";

export type Activities = ReturnType<typeof useActivities>;

export interface Search extends Walk {
  /** Whether one answer was not enough to fill the page. */
  isLong: boolean;
  /** Searches for another page of entries. */
  more: () => void;
}

/** Where the search for a page began. */
interface Start {
  found: number;
  answers: number;
}

const FIRST: Start = { found: 0, answers: 0 };

export function useSearch(activities: Activities, found: number): Search {
  const [start, setStart] = useState(FIRST);
  const isNew = activities.isPending || activities.isPlaceholderData;
  if (isNew && start !== FIRST) setStart(FIRST);
  const walk = useWalk(activities, found - start.found >= PAGE_LIMIT);
  const answers = activities.data?.pages.length ?? 0;
  return {
    ...walk,
    isLong: answers > start.answers && (walk.isUnderWay || walk.isStopped),
    more: () => {
      setStart({ found, answers });
      walk.goOn();
    },
  };
}
