// What is shown below the entries, or instead of them.

import { Button, Spinner } from "@fluentui/react-components";
import type { ListedActivity } from "../api/client";
import { Progress } from "../progress";
import { dayIn, daysOf, isReversed } from "../range";
import { State, Trouble } from "../states";
import { hasConditions, useView } from "../view";
import { useWords } from "../words/words";
import type { Activities, Search } from "./search";

interface EndProps {
  items: ListedActivity[];
  activities: Activities;
  search: Search;
  /** Takes the focus of a button that is not there any more. */
  whenGone: () => void;
}

export function End({ items, activities, search, whenGone }: EndProps) {
  const { t } = useWords();
  const { filter } = useView();
  const { error, isFetching, isPlaceholderData, hasNextPage, isPending } = activities;
  if (isReversed(filter)) return <State title={t("range_reversed")} />;
  const pressed = (act: () => void) => () => {
    whenGone();
    act();
  };
  if (error && !isFetching) {
    const trouble = <Trouble error={error} retry={pressed(search.retry)} />;
    return items.length > 0 ? <div className="list-foot">{trouble}</div> : trouble;
  }
  if (search.isLong) {
    const readTo = activities.data?.pages.at(-1)?.read_to;
    return <Searching count={items.length} readTo={readTo} search={search} whenGone={whenGone} />;
  }
  if (isFetching || isPending || isPlaceholderData) return <Waiting />;
  if (items.length === 0 && !hasNextPage) return <Empty />;
  const end = hasConditions(filter) ? "end_of_list_filtered" : "end_of_list";
  return (
    <div className="list-end">
      <span role="status">{t(hasNextPage ? "loaded" : end, { count: items.length })}</span>
      {hasNextPage && <Button onClick={pressed(search.more)}>{t("load_more")}</Button>}
    </div>
  );
}

function Waiting() {
  const { t } = useWords();
  return (
    <div className="list-end">
      <Spinner size="tiny" label={t("loading")} />
    </div>
  );
}

interface SearchingProps {
  count: number;
  readTo: string | undefined;
  search: Search;
  whenGone: () => void;
}

function Searching({ count, readTo, search, whenGone }: SearchingProps) {
  const { t } = useWords();
  const { filter } = useView();
  return (
    <div className="list-foot">
      <Progress
        walk={search}
        text={t(search.isStopped ? "search_stopped" : "searching", { count })}
        reached={readTo && dayIn(filter.time_zone, new Date(readTo))}
        whenGone={whenGone}
      />
    </div>
  );
}

function Empty() {
  const { t } = useWords();
  const { filter, setFilter } = useView();
  const filtered = hasConditions(filter);
  return (
    <State title={t(filtered ? "empty_filtered" : "empty")} hint={t("empty_hint")}>
      <Button onClick={() => setFilter(daysOf("month", filter.time_zone))}>
        {t("show_month")}
      </Button>
    </State>
  );
}
