// The entries, newest first. Only those in view are in the document, so that a list
// of hundreds of thousands stays usable.

import { Button } from "@fluentui/react-components";
import { ArrowClockwiseRegular, DismissRegular } from "@fluentui/react-icons";
import { useQueryClient } from "@tanstack/react-query";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { CSSProperties } from "react";
import type { ListedActivity } from "../api/client";
import { useActivities } from "../api/queries";
import { useView } from "../view";
import type { Filter } from "../view";
import { useWords } from "../words/words";
import { useColumns, widthsOf } from "./columns";
import { ColumnsMenu } from "./columns_menu";
import { CopyButton } from "./copy";
import { End } from "./end";
import { Entry, Row } from "./row";
import { useSearch } from "./search";
import type { Activities, Search } from "./search";

/** An entry's height before it is measured. */
const ROW_PX = 45;

/** How close to the last entry the view must be before the next page is requested. */
const NEAR_END = 20;

export function List() {
  const { t } = useWords();
  const { filter } = useView();
  const client = useQueryClient();
  const activities = useActivities(filter);
  const items = useMemo(
    () => activities.data?.pages.flatMap((page) => page.items) ?? [],
    [activities.data],
  );
  const search = useSearch(activities, items.length);
  const section = useStart(filter, activities.isPlaceholderData);
  return (
    <section
      ref={section}
      tabIndex={-1}
      className="card list"
      aria-label={t("entries")}
      aria-busy={activities.isFetching}
      data-old={activities.isPlaceholderData}
    >
      <div className="list-head">
        <h2>{t("entries")}</h2>
        <div className="row list-tools">
          <CopyButton text={() => location.href} word="copy_view_link" looks="link" />
          <ColumnsMenu />
          <Button
            appearance="subtle"
            icon={<ArrowClockwiseRegular />}
            onClick={() => void client.resetQueries()}
          >
            {t("refresh")}
          </Button>
        </div>
      </div>
      <Linked items={items} loaded={activities.isSuccess} />
      {items.length > 0 && <Rows items={items} activities={activities} search={search} />}
      <End
        items={items}
        activities={activities}
        search={search}
        whenGone={() => section.current?.focus({ preventScroll: true })}
      />
    </section>
  );
}

/** Scrolls to the start for another filter, and keeps the focus that the old entries had. */
function useStart(filter: Filter, isOld: boolean) {
  const section = useRef<HTMLElement>(null);
  const wanted = JSON.stringify(filter);
  const shown = useRef(wanted);
  useEffect(() => {
    if (isOld || shown.current === wanted) return;
    shown.current = wanted;
    const top = section.current?.getBoundingClientRect().top ?? 0;
    if (top < 0) section.current?.scrollIntoView();
    if (document.activeElement === document.body) section.current?.focus({ preventScroll: true });
  }, [wanted, isOld]);
  return section;
}

interface RowsProps {
  items: ListedActivity[];
  activities: Activities;
  search: Search;
}

function Rows({ items, activities, search }: RowsProps) {
  const { t } = useWords();
  const { filter } = useView();
  const columns = useColumns();
  const rows = useRef<HTMLDivElement>(null);
  const [scrollMargin, setScrollMargin] = useState(0);
  useLayoutEffect(() => {
    const top = rows.current?.getBoundingClientRect().top ?? 0;
    const margin = Math.round(top + window.scrollY);
    if (Math.abs(margin - scrollMargin) > 1) setScrollMargin(margin);
  });
  const virtualizer = useWindowVirtualizer({
    count: items.length,
    estimateSize: () => ROW_PX,
    overscan: 10,
    scrollMargin,
    getItemKey: (index) => items[index]?.id ?? index,
  });
  const shown = virtualizer.getVirtualItems();
  useMoreNearEnd(activities, search, (shown.at(-1)?.index ?? 0) >= items.length - NEAR_END);
  return (
    <div
      role="table"
      aria-label={t("entries")}
      aria-rowcount={activities.hasNextPage ? -1 : items.length + 1}
      style={{ "--columns": widthsOf(columns) } as CSSProperties}
    >
      <div role="rowgroup" className="rows-head">
        <div role="row" className="columns" aria-rowindex={1}>
          <span role="columnheader">
            <span className="hidden">{t("details")}</span>
          </span>
          {columns.map((column) => (
            <span role="columnheader" key={column}>
              {column === "occurred_at"
                ? t("occurred_at_zone", { zone: filter.time_zone })
                : t(column)}
            </span>
          ))}
        </div>
      </div>
      <div
        role="rowgroup"
        className="rows"
        ref={rows}
        style={{ height: virtualizer.getTotalSize() }}
      >
        {shown.map(({ index, key, start }) => {
          const activity = items[index];
          return (
            activity && (
              <div
                key={key}
                className="entry"
                data-index={index}
                ref={virtualizer.measureElement}
                style={{ transform: `translateY(${start - scrollMargin}px)` }}
              >
                <Row activity={activity} place={index + 2} columns={columns} />
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}

/** Searches for the next page when the end comes into view. */
function useMoreNearEnd(
  { hasNextPage, isFetching, isError }: Activities,
  search: Search,
  near: boolean,
) {
  const isAsked = near && hasNextPage && !isFetching && !isError;
  const isResting = !search.isUnderWay && !search.isStopped;
  useEffect(() => {
    if (isAsked && isResting) search.more();
  }, [isAsked, isResting]);
}

/** The entries that the address opens and that are not on the first page. */
function Linked({ items, loaded }: { items: ListedActivity[]; loaded: boolean }) {
  const { t } = useWords();
  const { open, toggle } = useView();
  const [linked, setLinked] = useState<string[]>();
  useEffect(() => {
    if (loaded && !linked) setLinked(open.filter((id) => !items.some((item) => item.id === id)));
  }, [loaded, linked, open, items]);
  const ids = linked?.filter((id) => open.includes(id)) ?? [];
  return ids.map((id) => (
    <section key={id} aria-label={t("linked_entry")}>
      <div className="list-head">
        <h3>{t("linked_entry")}</h3>
        <Button
          appearance="subtle"
          icon={<DismissRegular />}
          aria-label={t("close_entry", { entry: t("linked_entry") })}
          onClick={() => toggle(id)}
        />
      </div>
      <Entry id={id} />
    </section>
  ));
}
