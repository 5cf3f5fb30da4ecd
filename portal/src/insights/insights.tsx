// How many entries there are per day, by groups of actions, and who has the most.

import { Button } from "@fluentui/react-components";
import { useRef, useState } from "react";
import { Failure } from "../api/client";
import { dayOf, isReversed } from "../range";
import { useView } from "../view";
import { GROUPS } from "../words/actions";
import type { Group } from "../words/actions";
import { useWords } from "../words/words";
import { COLOURS, Chart } from "./chart";
import { Counting } from "./counting";
import { actionsIn, perDay, total, useCounts } from "./counts";
import type { Day } from "./counts";
import { Tops } from "./tops";

export default function Insights() {
  const { t } = useWords();
  const { filter, setFilter } = useView();
  const section = useRef<HTMLElement>(null);
  // One request has what the chart, its legend, its table and the top actions show.
  const counts = useCounts(filter, ["day", "action"]);
  const { groups, error } = counts;
  if (isReversed(filter) || isSaidByList(error)) return null;
  const days = perDay({ from: dayOf(filter.from), to: dayOf(filter.to) }, groups);
  const focus = () => section.current?.focus({ preventScroll: true });
  return (
    <section
      ref={section}
      tabIndex={-1}
      className="card stack"
      aria-label={t("insights")}
      data-old={counts.isOld}
    >
      <div className="counting">
        <h2>{t("per_day")}</h2>
        <Counting counts={counts} whenGone={focus} />
        {counts.isComplete && <p role="status">{t("counted", { count: total(groups) })}</p>}
      </div>
      {!(error && counts.isEmpty) && (
        <>
          <Chart days={days} choose={(day) => setFilter({ from: day, to: day })} />
          <Legend days={days} actionsOf={(group) => actionsIn(group, groups)} />
          <Numbers days={days} />
          <Tops byAction={groups} whenGone={focus} />
        </>
      )}
    </section>
  );
}

/** Whether the list, which is always shown, already reports that the person may not read. */
function isSaidByList(error: unknown): boolean {
  return error instanceof Failure && error.kind === "forbidden";
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
  const { t } = useWords();
  const [isOpen, setOpen] = useState(false);
  // Shift+Tab from the tabs below would stop at buttons that are there and cannot be seen.
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{t("as_table")}</summary>
      {isOpen && <NumbersTable days={days} />}
    </details>
  );
}

function NumbersTable({ days }: { days: Day[] }) {
  const { t, day: dayInWords, number } = useWords();
  const { setFilter } = useView();
  const shown = GROUPS.filter((group) => days.some(({ groups }) => groups[group]));
  return (
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
  );
}
