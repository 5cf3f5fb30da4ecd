// Walks: reads that take several requests, each with the cursor of the answer before.

import { useEffect, useState } from "react";
import type { useActivities, useSummary } from "./api/queries";

type Reads = ReturnType<typeof useActivities> | ReturnType<typeof useSummary>;

export interface Walk {
  /** Whether one request follows the other. */
  isUnderWay: boolean;
  /** Whether a person stopped it before its end. */
  isStopped: boolean;
  /** Shows the answer that is awaited, and requests no other. */
  stop: () => void;
  goOn: () => void;
  /** Repeats the request that failed; what was read before it is kept. */
  retry: () => void;
}

/** Sends requests until the range ends, there is enough, one fails, or a person stops it. */
export function useWalk(reads: Reads, isEnough = false): Walk {
  const { hasNextPage, isFetching, isError, fetchNextPage, refetch, data } = reads;
  const isNew = reads.isPending || reads.isPlaceholderData;
  const [stopped, setStopped] = useState(false);
  if (isNew && stopped) setStopped(false);
  const isUnfinished = hasNextPage && !isNew && !isEnough && (!isError || isFetching);
  const isUnderWay = isUnfinished && !stopped;
  useEffect(() => {
    if (isUnderWay && !isFetching) void fetchNextPage();
  }, [isUnderWay, isFetching, fetchNextPage, data]);
  const goOn = () => setStopped(false);
  return {
    isUnderWay,
    isStopped: isUnfinished && stopped,
    stop: () => setStopped(true),
    goOn,
    retry: () => {
      goOn();
      void (data ? fetchNextPage() : refetch());
    },
  };
}
