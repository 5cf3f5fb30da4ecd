// How many entries there are: per day, and by customer, action and partner user.

import { Button, Spinner } from "@fluentui/react-components";
import { Failure } from "../api/client";
import { dayOf, isReversed } from "../range";
import { Trouble } from "../states";
import { useView } from "../view";
import type { FilterChange } from "../view";
import { GROUPS } from "../words/actions";
import type { Group } from "../words/actions";
import type { Word } from "../words/en";
import { useWords } from "../words/words";
import { COLOURS, Chart } from "./chart";
import { actionsIn, perDay, ranked, total, useCounts } from "./counts";
import type { Day, Named } from "./counts";

/** How many names a list of those with the most entries has. */
const TOP = 5;

export default function Insights() {
  const { t, action } = useWords();
  const { filter, setFilter } = useView();
  const byDay = useCounts(filter, ["day", "action"]);
  const byCustomer = useCounts(filter, ["customer"]);
  const byActor = useCounts(filter, ["actor"]);
  const all = [byDay, byCustomer, byActor];
  const failed = all.find(({ error }) => error);
  if (isReversed(filter) || isSaidByList(failed?.error)) return null;
  if (failed) {
    const retry = () => all.filter(({ error }) => error).forEach(({ refetch }) => void refetch());
    return (
      <section className="card" aria-label={t("insights")}>
        <Trouble error={failed.error} retry={retry} />
      </section>
    );
  }
  const days = perDay({ from: dayOf(filter.from), to: dayOf(filter.to) }, byDay.groups);
  const actions = ranked(byDay.groups, (group) =>
    group.action ? { id: group.action, name: action(group.action) } : undefined,
  );
  const only = (change: FilterChange) => () => setFilter(change);
  return (
    <section
      className="card stack"
      aria-label={t("insights")}
      data-old={all.some(({ isPlaceholderData }) => isPlaceholderData)}
    >
      <div>
        <h2>{t("per_day")}</h2>
        <Counted count={total(byDay.groups)} complete={all.every(({ complete }) => complete)} />
      </div>
      <Chart days={days} choose={(day) => setFilter({ from: day, to: day })} />
      <Legend days={days} actionsOf={(group) => actionsIn(group, byDay.groups)} />
      <Numbers days={days} />
      <div className="tops">
        <Top
          word="top_customers"
          entries={ranked(byCustomer.groups, (group) => group.customer)}
          only={({ id }) => only({ customer_id: id })}
        />
        <Top word="top_actions" entries={actions} only={({ id }) => only({ action: [id] })} />
        <Top
          word="top_actors"
          entries={ranked(byActor.groups, (group) => group.actor)}
          only={({ id }) => only({ actor_id: id })}
        />
      </div>
    </section>
  );
}

/** Whether the list, which is always shown, already reports that the person may not read. */
function isSaidByList(error: unknown): boolean {
  return error instanceof Failure && error.kind === "forbidden";
}

function Counted({ count, complete }: { count: number; complete: boolean }) {
  const { t } = useWords();
  if (complete) return <p role="status">{t("counted", { count })}</p>;
  return <Spinner size="tiny" label={t("counting", { count })} />;
}

interface LegendProps {
  days: Day[];
  actionsOf: (group: Group) => string[];
}

/** The groups of actions that occur; a click shows only that group. */
function Legend({ days, actionsOf }: LegendProps) {
  const { t } = useWords();
  const { setFilter } = useView();
  return (
    <div className="legend">
      {GROUPS.filter((group) => days.some(({ groups }) => groups[group])).map((group) => (
        <Button
          key={group}
          size="small"
          appearance="subtle"
          icon={<span className="legend-mark" style={{ background: COLOURS[group] }} />}
          title={t("show_only", { name: t(`group.${group}`) })}
          onClick={() => setFilter({ action: actionsOf(group) })}
        >
          {t(`group.${group}`)}
        </Button>
      ))}
    </div>
  );
}

/** The chart's numbers as a table, for people who read them. */
function Numbers({ days }: { days: Day[] }) {
  const { t, day: dayInWords, number } = useWords();
  const { setFilter } = useView();
  const shown = GROUPS.filter((group) => days.some(({ groups }) => groups[group]));
  return (
    <details>
      <summary>{t("as_table")}</summary>
      <div className="scroll" tabIndex={0} role="group" aria-label={t("as_table")}>
        <table className="table">
          <thead>
            <tr>
              {[t("day"), t("total"), ...shown.map((group) => t(`group.${group}`))].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {days.toReversed().map(({ day, total, groups }) => (
              <tr key={day}>
                <th scope="row">
                  <Button
                    size="small"
                    appearance="subtle"
                    aria-label={t("show_day", { day: dayInWords(day) })}
                    onClick={() => setFilter({ from: day, to: day })}
                  >
                    {dayInWords(day)}
                  </Button>
                </th>
                <td className="number">{number(total)}</td>
                {shown.map((group) => (
                  <td key={group} className="number">
                    {number(groups[group] ?? 0)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

interface TopProps {
  word: Word;
  entries: Named[];
  only: (entry: Named) => () => void;
}

function Top({ word, entries, only }: TopProps) {
  const { t, number } = useWords();
  const most = entries[0]?.count ?? 1;
  return (
    <section aria-label={t(word)}>
      <h3>{t(word)}</h3>
      <ol>
        {entries.slice(0, TOP).map((entry) => (
          <li key={entry.id}>
            <button
              type="button"
              className="top-entry"
              title={t("show_only", { name: entry.name })}
              onClick={only(entry)}
            >
              <span className="top-bar" style={{ width: `${(100 * entry.count) / most}%` }} />
              <bdi>{entry.name}</bdi>
              <span>{number(entry.count)}</span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
