// The actions, customers and partner users with the most entries.
//
// The chart's counts have the actions; the other two are counted when they are opened.

import { Tab, TabList } from "@fluentui/react-components";
import { useId, useState } from "react";
import { useView } from "../view";
import type { FilterChange } from "../view";
import { useWords } from "../words/words";
import { Counting } from "./counting";
import { ranked, useCounts } from "./counts";
import type { Counts, Named } from "./counts";

/** How many names a list has. */
const TOP = 5;

const LISTS = ["top_actions", "top_customers", "top_actors"] as const;

interface TopsProps {
  byAction: Counts["groups"];
  /** Takes the focus of a button that is not there any more. */
  whenGone: () => void;
}

export function Tops({ byAction, whenGone }: TopsProps) {
  const { t } = useWords();
  const id = useId();
  const { filter } = useView();
  const [shown, setShown] = useState<(typeof LISTS)[number]>("top_actions");
  const byCustomer = useCounts(filter, ["customer"], shown === "top_customers");
  const byActor = useCounts(filter, ["actor"], shown === "top_actors");
  return (
    <div>
      <TabList
        size="small"
        className="tabs"
        selectedValue={shown}
        onTabSelect={(_, { value }) => setShown(value as typeof shown)}
      >
        {LISTS.map((list) => (
          <Tab key={list} id={`${id}${list}`} value={list} aria-controls={id}>
            {t(list)}
          </Tab>
        ))}
      </TabList>
      <div role="tabpanel" id={id} aria-labelledby={`${id}${shown}`}>
        {shown === "top_actions" && <TopActions groups={byAction} />}
        {shown === "top_customers" && (
          <TopNames of="customer" counts={byCustomer} whenGone={whenGone} />
        )}
        {shown === "top_actors" && <TopNames of="actor" counts={byActor} whenGone={whenGone} />}
      </div>
    </div>
  );
}

function TopActions({ groups }: { groups: Counts["groups"] }) {
  const { action } = useWords();
  const actions = ranked(
    groups,
    (group) => group.action,
    (_, id) => action(id),
  );
  return <Top entries={actions} only={({ id }) => ({ action: [id] })} />;
}

interface TopNamesProps {
  of: "customer" | "actor";
  counts: Counts;
  whenGone: () => void;
}

function TopNames({ of, counts, whenGone }: TopNamesProps) {
  return (
    <div className="counting" data-old={counts.isOld}>
      <Counting counts={counts} whenGone={whenGone} />
      <Top
        entries={ranked(
          counts.groups,
          (group) => group[of]?.id,
          (group, id) => group[of]?.name ?? id,
        )}
        only={({ id }) => ({ [`${of}_id`]: id })}
      />
    </div>
  );
}

interface TopProps {
  entries: Named[];
  /** The filter that an entry stands for. */
  only: (entry: Named) => FilterChange;
}

function Top({ entries, only }: TopProps) {
  const { t, number } = useWords();
  const { setFilter } = useView();
  const most = entries[0]?.count ?? 1;
  return (
    <ol className="top-list">
      {entries.slice(0, TOP).map((entry) => (
        <li key={entry.id}>
          <button
            type="button"
            className="top-entry"
            title={t("show_only", { name: entry.name })}
            onClick={() => setFilter(only(entry))}
          >
            <span className="top-bar" style={{ width: `${(100 * entry.count) / most}%` }} />
            <bdi>{entry.name}</bdi>
            <span>{number(entry.count)}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}
