// The active conditions, each of which can be taken away.

import { Button, Tag, TagGroup } from "@fluentui/react-components";
import { useQueryClient } from "@tanstack/react-query";
import type { InfiniteData } from "@tanstack/react-query";
import type { ActivityPage, ListedActivity } from "../api/client";
import { CONDITIONS, NO_CONDITIONS, hasConditions, useView } from "../view";
import type { Condition, Filter, FilterChange } from "../view";
import { useWords } from "../words/words";
import type { Words } from "../words/words";

interface Chip {
  text: string;
  /** What the filter is without it. */
  without: FilterChange;
}

function chipsOf(filter: Filter, words: Words, nameOf: (id: string) => string): Chip[] {
  const { t, action } = words;
  const conditions = CONDITIONS.flatMap((name): Chip[] => {
    const value = filter[name];
    if (value === undefined) return [];
    return [
      {
        text: chipText(name, value, t, nameOf),
        without: { [name]: undefined },
      },
    ];
  });
  const actions = filter.action.map((one) => ({
    text: t("is", { field: t("action"), value: action(one) }),
    without: { action: filter.action.filter((other) => other !== one) },
  }));
  const outcomes = filter.outcome.map((one) => ({
    text: t("is", { field: t("outcome"), value: t(`outcome.${one}`) }),
    without: { outcome: filter.outcome.filter((other) => other !== one) },
  }));
  return [...conditions, ...actions, ...outcomes];
}

function chipText(
  name: Condition,
  value: string,
  t: Words["t"],
  nameOf: (id: string) => string,
): string {
  if (name === "customer" || name === "actor") return t("contains", { field: t(name), value });
  if (name === "customer_id") return t("is", { field: t("customer"), value: nameOf(value) });
  if (name === "actor_id") return t("is", { field: t("actor"), value: nameOf(value) });
  return t("is", { field: t(name), value });
}

export function Chips() {
  const words = useWords();
  const { filter, setFilter } = useView();
  const nameOf = useNames();
  if (!hasConditions(filter)) return null;
  const chips = chipsOf(filter, words, nameOf);
  return (
    <div className="chips">
      <TagGroup
        aria-label={words.t("active_filters")}
        onDismiss={(_, { value }) => setFilter(chips[Number(value)]?.without ?? {})}
      >
        {chips.map(({ text }, place) => (
          <Tag
            key={text}
            value={String(place)}
            dismissible
            dismissIcon={{
              "aria-label": words.t("remove_filter", { filter: text }),
            }}
          >
            <bdi>{text}</bdi>
          </Tag>
        ))}
      </TagGroup>
      <Button appearance="subtle" onClick={() => setFilter(NO_CONDITIONS)}>
        {words.t("clear_all")}
      </Button>
    </div>
  );
}

/** The names of customers and actors in what was loaded; else an id is itself. */
function useNames(): (id: string) => string {
  const client = useQueryClient();
  return (id) => {
    const lists = client.getQueriesData<InfiniteData<ActivityPage>>({
      queryKey: ["activities"],
    });
    const items = lists.flatMap(([, list]) => list?.pages.flatMap((page) => page.items) ?? []);
    const named = (item: ListedActivity) => [item.customer, item.actor];
    return items.flatMap(named).find((one) => one?.id === id)?.name ?? id;
  };
}
