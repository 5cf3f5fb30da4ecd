// From, To, the time zone, and periods that one click chooses.

import { Field, Input, Select, ToggleButton } from "@fluentui/react-components";
import { useEffect, useMemo, useRef, useState } from "react";
import type { RefObject } from "react";
import {
  PERIODS,
  boundOf,
  dayOf,
  daysOf,
  isDay,
  isReversed,
  ownTimeZone,
  periodOf,
  timeOf,
} from "../range";
import { useView } from "../view";
import { useWords } from "../words/words";

/** How long a typed day is unchanged before it is applied: a year is typed digit by digit. */
const REST_MS = 700;

/** An earlier year is one that is still being typed. */
const FIRST_DAY = "2000-01-01";

export function Range() {
  const { t } = useWords();
  const { filter, setFilter } = useView();
  const { from, to, time_zone } = filter;
  const period = periodOf(filter, time_zone);
  const first = useRef<HTMLInputElement>(null);
  const reversed = isReversed(filter) ? { validationMessage: t("range_reversed") } : {};
  return (
    <>
      <div className="bound">
        <Field label={t("from")}>
          <DayInput
            value={dayOf(from)}
            choose={(day) => setFilter({ from: boundOf(day, timeOf(from)) })}
            input={first}
          />
        </Field>
        <Field label={t("from_time")}>
          <TimeInput
            value={timeOf(from)}
            choose={(time) => setFilter({ from: boundOf(dayOf(from), time) })}
          />
        </Field>
      </div>
      <div className="bound">
        <Field label={t("to")} {...reversed}>
          <DayInput
            value={dayOf(to)}
            choose={(day) => setFilter({ to: boundOf(day, timeOf(to)) })}
          />
        </Field>
        <Field label={t("to_time")}>
          <TimeInput
            value={timeOf(to)}
            choose={(time) => setFilter({ to: boundOf(dayOf(to), time) })}
          />
        </Field>
      </div>
      <div className="periods" role="group" aria-label={t("period")}>
        {PERIODS.map((one) => (
          <ToggleButton
            key={one}
            checked={period === one}
            onClick={() => setFilter(daysOf(one, time_zone))}
          >
            {t(`period.${one}`)}
          </ToggleButton>
        ))}
        <ToggleButton checked={!period} onClick={() => first.current?.focus()}>
          {t("period.custom")}
        </ToggleButton>
      </div>
      <Field label={t("time_zone")} className="zone">
        <TimeZone zone={time_zone} choose={(time_zone) => setFilter({ time_zone })} />
      </Field>
    </>
  );
}

interface DayProps {
  value: string;
  choose: (day: string) => void;
  input?: RefObject<HTMLInputElement | null>;
}

function DayInput({ value, choose, input, ...field }: DayProps) {
  const [draft, setDraft] = useState(value);
  useEffect(() => setDraft(value), [value]);
  const isGood = isDay(draft) && draft >= FIRST_DAY;
  const commit = () => {
    if (isGood && draft !== value) choose(draft);
  };
  const settle = () => (isGood ? commit() : setDraft(value));
  useEffect(() => {
    const timer = setTimeout(commit, REST_MS);
    return () => clearTimeout(timer);
  });
  return (
    <Input
      {...field}
      type="date"
      input={{ ref: input ?? null }}
      value={draft}
      min={FIRST_DAY}
      max="9999-12-31"
      onChange={(_, { value }) => setDraft(value)}
      onBlur={settle}
      onKeyDown={({ key }) => key === "Enter" && settle()}
    />
  );
}

interface TimeProps {
  value: string;
  choose: (time: string) => void;
}

/** A time of day; without one, the whole day counts. */
function TimeInput({ value, choose, ...field }: TimeProps) {
  const [draft, setDraft] = useState(value);
  useEffect(() => setDraft(value), [value]);
  const commit = () => {
    if (draft !== value) choose(draft);
  };
  useEffect(() => {
    const timer = setTimeout(commit, REST_MS);
    return () => clearTimeout(timer);
  });
  return (
    <Input
      {...field}
      type="time"
      value={draft}
      onChange={(_, { value }) => setDraft(value)}
      onBlur={commit}
      onKeyDown={({ key }) => key === "Enter" && commit()}
    />
  );
}

interface TimeZoneProps {
  zone: string;
  choose: (zone: string) => void;
}

function TimeZone({ zone, choose, ...field }: TimeZoneProps) {
  const zones = useMemo(
    () => [...new Set([ownTimeZone(), "UTC", zone, ...Intl.supportedValuesOf("timeZone")])],
    [zone],
  );
  return (
    <Select {...field} value={zone} onChange={(_, { value }) => choose(value)}>
      {zones.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </Select>
  );
}
