// Entries per day as stacked bars. A table has the same numbers, so a screen reader
// treats the chart as one image.

import {
  Area,
  Bar,
  CartesianGrid,
  ComposedChart,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";
import { GROUPS } from "../words/actions";
import type { Group } from "../words/actions";
import { useWords } from "../words/words";
import type { Day } from "./counts";

/** Colours that differ visibly in light and in dark mode. */
export const COLOURS: Record<Group, string> = {
  orders: "#2a7fd4",
  customers: "#d8763a",
  users: "#4c9a52",
  relationships: "#9a62c7",
  referrals: "#c94f7c",
  devices: "#93983a",
  other: "#808080",
};

const TOOLTIP = {
  color: "var(--colorNeutralForeground1)",
  background: "var(--colorNeutralBackground1)",
  border: "1px solid var(--colorNeutralStroke1)",
  borderRadius: "4px",
};

/** The most days with a bar each; a year of bars would take a browser a second to draw. */
const BARS_MAX = 100;

export function Chart({ days, choose }: { days: Day[]; choose: (day: string) => void }) {
  const { t, day, number } = useWords();
  const shown = GROUPS.filter((group) => days.some(({ groups }) => groups[group]));
  const names = shown.map((group) => t(`group.${group}`));
  const years = new Set(days.map(({ day }) => day.slice(0, 4))).size;
  const label = `${t("per_day")}. ${t("as_table")}`;
  const isLong = days.length > BARS_MAX;
  const most = Math.max(0, ...days.map(({ total }) => total));
  const axisWidth = 24 + 8 * number(most).length;
  const seriesOf = (group: Group) => ({
    stackId: "day",
    name: t(`group.${group}`),
    dataKey: ({ groups }: Day) => groups[group] ?? 0,
    fill: COLOURS[group],
    isAnimationActive: false,
  });
  return (
    <div className="chart" role="img" aria-label={label} title={t("per_day_hint")}>
      <ResponsiveContainer>
        <ComposedChart
          data={days}
          onClick={({ activeLabel }) => {
            if (isLong && activeLabel !== undefined) choose(String(activeLabel));
          }}
          accessibilityLayer={false}
          // At the right there is room for half of the last label, which is below the last bar.
          margin={{ top: 8, right: 48, bottom: 0, left: 0 }}
        >
          <CartesianGrid vertical={false} stroke="var(--colorNeutralStroke2)" />
          <XAxis
            dataKey="day"
            scale="band"
            tickFormatter={(text: string) => day(text, years > 1 ? "medium" : "short")}
            minTickGap={16}
          />
          <YAxis allowDecimals={false} width={axisWidth} tickFormatter={number} />
          <Tooltip
            contentStyle={TOOLTIP}
            cursor={{ fill: "var(--colorSubtleBackgroundHover)" }}
            itemStyle={{ color: "inherit" }}
            // From top to bottom, as in the stack.
            itemSorter={({ name }) => -names.indexOf(String(name))}
            labelFormatter={(text, [first]) =>
              `${day(String(text))}, ${t("total")} ${number((first?.payload as Day | undefined)?.total ?? 0)}`
            }
            isAnimationActive={false}
          />
          {shown.map((group, place) =>
            isLong ? (
              // Steps that touch look like the narrow bars, and are one shape for all days.
              <Area
                key={group}
                {...seriesOf(group)}
                type="step"
                stroke="none"
                fillOpacity={1}
                activeDot={false}
              />
            ) : (
              <Bar
                key={group}
                {...seriesOf(group)}
                // The area of the first one covers the whole height, for days with few entries.
                background={place === 0 && { fill: "transparent" }}
                onClick={({ payload }) => choose((payload as Day).day)}
              />
            ),
          )}
        </ComposedChart>
      </ResponsiveContainer>
    </div>
  );
}
