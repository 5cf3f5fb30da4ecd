// From, To, the time zone, and periods that one click chooses.

import { Field, Input, Select, ToggleButton } from "@fluentui/react-components";
import { useEffect, useMemo, useRef, useState } from "react";
import type { RefObject } from "react";
import { PERIODS, daysOf, isDay, ownTimeZone, periodOf } from "../range";
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
  const reversed = from > to ? { validationMessage: t("range_reversed") } : {};
  return (
    <>
      <Day label={t("from")} value={from} choose={(from) => setFilter({ from })} input={first} />
      <Field label={t("to")} {...reversed}>
        <DayInput value={to} choose={(to) => setFilter({ to })} />
      </Field>
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

function Day({ label, ...day }: DayProps & { label: string }) {
  return (
    <Field label={label}>
      <DayInput {...day} />
    </Field>
  );
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
