// How far counting is, as long as it lasts or after it failed.

import { Spinner } from "@fluentui/react-components";
import { Progress } from "../progress";
import { dayIn } from "../range";
import { Trouble } from "../states";
import { useView } from "../view";
import { useWords } from "../words/words";
import { total } from "./counts";
import type { Counts } from "./counts";

interface CountingProps {
  counts: Counts;
  /** Takes the focus of a button that is not there any more. */
  whenGone: () => void;
}

export function Counting({ counts, whenGone }: CountingProps) {
  const { t } = useWords();
  const { filter } = useView();
  const { groups, walk, error, readTo } = counts;
  const count = total(groups);
  const retry = () => {
    whenGone();
    walk.retry();
  };
  if (error) return <Trouble error={error} retry={retry} />;
  if (counts.isComplete) return null;
  if (!walk.isUnderWay && !walk.isStopped)
    return <Spinner size="tiny" label={t("counting", { count })} />;
  return (
    <Progress
      walk={walk}
      text={t(walk.isStopped ? "counting_stopped" : "counting", { count })}
      reached={readTo && dayIn(filter.time_zone, new Date(readTo))}
      whenGone={whenGone}
    />
  );
}
