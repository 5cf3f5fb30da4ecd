// The active conditions, each of which can be removed.

import { Button, Tag, TagGroup } from "@fluentui/react-components";
import { useEffect, useState } from "react";
import { useActivities } from "../api/queries";
import { CONDITIONS, NO_CONDITIONS, hasConditions, useView } from "../view";
import type { Condition, Filter, FilterChange } from "../view";
import { useWords } from "../words/words";
import type { Words } from "../words/words";

interface Chip {
  key: string;
  text: string;
  /** The filter without this condition. */
  without: FilterChange;
}

function chipsOf(filter: Filter, words: Words, nameOf: (id: string) => string): Chip[] {
  const { t, action } = words;
  const conditions = CONDITIONS.flatMap((name): Chip[] => {
    const value = filter[name];
    if (value === undefined) return [];
    return [
      {
        key: name,
        text: chipText(name, value, t, nameOf),
        without: { [name]: undefined },
      },
    ];
  });
  const actions = filter.action.map((one) => ({
    key: `action ${one}`,
    text: t("is", { field: t("action"), value: action(one) }),
    without: { action: filter.action.filter((other) => other !== one) },
  }));
  const outcomes = filter.outcome.map((one) => ({
    key: `outcome ${one}`,
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

/** `whenGone` takes the focus when no condition is left. */
export function Chips({ whenGone }: { whenGone: () => void }) {
  const words = useWords();
  const { filter, setFilter } = useView();
  const nameOf = useNames(filter);
  if (!hasConditions(filter)) return null;
  const chips = chipsOf(filter, words, nameOf);
  const remove = (change: FilterChange) => {
    setFilter(change);
    if (change === NO_CONDITIONS || chips.length === 1) whenGone();
  };
  return (
    <div className="chips">
      <TagGroup
        aria-label={words.t("active_filters")}
        onDismiss={(_, { value }) => remove(chips[Number(value)]?.without ?? {})}
      >
        {chips.map(({ key, text }, place) => (
          <Tag
            key={key}
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
      <Button appearance="subtle" onClick={() => remove(NO_CONDITIONS)}>
        {words.t("clear_all")}
      </Button>
    </div>
  );
}

/** Finds the name of an id in the lists that were shown; otherwise returns the id. */
function useNames(filter: Filter): (id: string) => string {
  const { data } = useActivities(filter);
  const [names, setNames] = useState<ReadonlyMap<string, string>>(new Map());
  useEffect(() => {
    const items = data?.pages.flatMap((page) => page.items) ?? [];
    const found = items.flatMap(({ customer, actor }) => (customer ? [customer, actor] : [actor]));
    // Of equal ids the last one counts, so the newest entries must come last.
    const named = found.reverse().map(({ id, name }) => [id, name] as const);
    setNames((names) => new Map([...names, ...named]));
  }, [data]);
  return (id) => names.get(id) ?? id;
}
