// How far a walk of several requests is, and the button that stops it or lets it go on.

import { Button } from "@fluentui/react-components";
import { useLayoutEffect, useRef } from "react";
import { shareAfter, today } from "./range";
import { useView } from "./view";
import type { Walk } from "./walk";
import { useWords } from "./words/words";

interface ProgressProps {
  walk: Walk;
  /** What was found or counted so far. */
  text: string;
  /** A day down to which everything was read, if one is known. */
  reached?: string | undefined;
  /** Takes the focus of the button when the walk ends. */
  whenGone: () => void;
}

export function Progress({ walk, text, reached, whenGone }: ProgressProps) {
  const { t, day } = useWords();
  const { filter } = useView();
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    return () => {
      if (element?.contains(document.activeElement)) whenGone();
    };
  }, []);
  const share = reached && shareAfter(reached, filter, today(filter.time_zone));
  return (
    <div className="progress" ref={box}>
      {/* Without a value it says that something is going on, but not how far it is. */}
      <progress
        aria-label={t("read_so_far")}
        value={share || (walk.isStopped ? 0 : undefined)}
        max={1}
      />
      <span role="status">
        {text} {reached && t("read_back_to", { day: day(reached) })}
      </span>
      <Button size="small" onClick={walk.isStopped ? walk.goOn : walk.stop}>
        {t(walk.isStopped ? "go_on" : "stop")}
      </Button>
    </div>
  );
}
