// Entries per day as stacked bars. The same numbers stand in a table, so this
// is one image to a screen reader.

import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { GROUPS } from "../words/actions";
import type { Group } from "../words/actions";
import { useWords } from "../words/words";
import type { Day } from "./counts";

/** Seen apart on light and on dark. */
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
  background: "var(--colorNeutralBackground1)",
  border: "1px solid var(--colorNeutralStroke1)",
  borderRadius: "4px",
};

export function Chart({ days, choose }: { days: Day[]; choose: (day: string) => void }) {
  const { t, day, number } = useWords();
  const label = `${t("per_day")}. ${t("as_table")}`;
  return (
    <div className="chart" role="img" aria-label={label} title={t("per_day_hint")}>
      <ResponsiveContainer>
        <BarChart
          data={days}
          accessibilityLayer={false}
          margin={{ top: 8, right: 8, bottom: 0, left: 0 }}
        >
          <CartesianGrid vertical={false} stroke="var(--colorNeutralStroke2)" />
          <XAxis
            dataKey="day"
            tickFormatter={(text: string) => day(text, "short")}
            minTickGap={16}
          />
          <YAxis allowDecimals={false} width={48} tickFormatter={number} />
          <Tooltip
            contentStyle={TOOLTIP}
            cursor={{ fill: "var(--colorSubtleBackgroundHover)" }}
            labelFormatter={(text) => day(String(text))}
            isAnimationActive={false}
          />
          {GROUPS.filter((group) => days.some(({ groups }) => groups[group])).map((group) => (
            <Bar
              key={group}
              stackId="day"
              name={t(`group.${group}`)}
              dataKey={({ groups }: Day) => groups[group] ?? 0}
              fill={COLOURS[group]}
              onClick={({ payload }) => choose((payload as Day).day)}
              isAnimationActive={false}
            />
          ))}
        </BarChart>
      </ResponsiveContainer>
    </div>
  );
}
