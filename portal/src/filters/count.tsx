// The counts beside the values that filters offer, and how far counting is.

import { Spinner } from "@fluentui/react-components";
import { total } from "../insights/counts";
import { Trouble } from "../states";
import { useWords } from "../words/words";
import { countOf } from "./counts";
import type { ValueCounts } from "./counts";

interface CountProps {
  counts: ValueCounts;
  name: "action" | "outcome";
  value: string;
}

/** How many entries of the period have a value; nothing before anything was counted. */
export function Count({ counts, name, value }: CountProps) {
  const { t, number } = useWords();
  if (!counts.isKnown) return null;
  const count = countOf(counts.groups, name, value);
  return (
    <span className="count">{counts.isComplete ? number(count) : t("at_least", { count })}</span>
  );
}

interface CountsStateProps {
  counts: ValueCounts;
  /** Takes the focus of a button that is not there any more. */
  whenGone: () => void;
}

/** What the counts mean, how far they are, or why there are none. */
export function CountsState({ counts, whenGone }: CountsStateProps) {
  const { t } = useWords();
  const { groups, walk, error, isComplete } = counts;
  const retry = () => {
    whenGone();
    walk.retry();
  };
  if (error) return <Trouble error={error} retry={retry} />;
  if (!isComplete) return <Spinner size="tiny" label={t("counting", { count: total(groups) })} />;
  return (
    <p className="quiet" role="status">
      {t("counts_hint")}
    </p>
  );
}
