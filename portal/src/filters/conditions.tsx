// The conditions, collected in a form and applied together.

import { Button, Checkbox, Field, Input, ToggleButton } from "@fluentui/react-components";
import { useEffect, useRef } from "react";
import type { FormEvent } from "react";
import { useKept } from "../kept";
import { OUTCOMES, useView } from "../view";
import type { Filter, FilterChange } from "../view";
import { useWords } from "../words/words";
import { Actions } from "./actions";
import { Count, CountsState } from "./count";
import { useValueCounts } from "./counts";

/** The conditions that are typed, and whether a part of a name is enough. */
const TYPED = [
  ["customer", true],
  ["actor", true],
  ["resource_type", false],
  ["resource_id", false],
  ["correlation_id", false],
] as const;

export default function Conditions() {
  const { t } = useWords();
  const { filter, setFilter } = useView();
  const [draft, setDraft] = useDraft(filter);
  const counts = useValueCounts(filter);
  const form = useRef<HTMLFormElement>(null);
  const { action, outcome, ...typed } = { ...filter, ...draft };
  const apply = (event: FormEvent) => {
    event.preventDefault();
    const emptied = Object.entries(draft).map(([name, value]) => [name, value || undefined]);
    setFilter(Object.fromEntries(emptied) as FilterChange);
    setDraft({});
  };
  return (
    <form ref={form} className="stack" onSubmit={apply}>
      <div className="fields">
        {TYPED.map(([name, part]) => (
          <Field key={name} label={t(name)}>
            <Input
              value={typed[name] ?? ""}
              placeholder={t(part ? "name_part_hint" : "exact_hint")}
              maxLength={part ? 256 : 128}
              onChange={(_, { value }) => setDraft({ ...draft, [name]: value })}
            />
          </Field>
        ))}
        <Field label={t("action")}>
          <Actions
            chosen={action}
            choose={(action) => setDraft({ ...draft, action })}
            counts={counts}
          />
        </Field>
      </div>
      <div className="row">
        <div className="outcomes" role="group" aria-label={t("outcome")}>
          {OUTCOMES.map((one) => (
            <Checkbox
              key={one}
              label={
                <>
                  {t(`outcome.${one}`)} <Count counts={counts} name="outcome" value={one} />
                </>
              }
              checked={outcome.includes(one)}
              onChange={() => setDraft({ ...draft, outcome: toggled(outcome, one) })}
            />
          ))}
        </div>
        <ToggleButton
          appearance="subtle"
          checked={counts.isShown}
          onClick={() => counts.show(!counts.isShown)}
        >
          {t("show_counts")}
        </ToggleButton>
        <Button type="submit">{t("apply")}</Button>
      </div>
      {counts.isShown && (
        <div className="counting">
          <CountsState
            counts={counts}
            whenGone={() => form.current?.querySelector<HTMLElement>("[aria-pressed]")?.focus()}
          />
        </div>
      )}
    </form>
  );
}

type Draft = Partial<Omit<Filter, "from" | "to" | "time_zone">>;

/** What was entered and not yet applied; a change elsewhere, such as by a chip, replaces it. */
function useDraft(filter: Filter) {
  const [draft, setDraft] = useKept<Draft>("conditions", {});
  const before = useRef(filter);
  useEffect(() => {
    const same = (name: string) =>
      String(filter[name as keyof Filter]) === String(before.current[name as keyof Filter]);
    setDraft((draft) => Object.fromEntries(Object.entries(draft).filter(([name]) => same(name))));
    before.current = filter;
  }, [filter]);
  return [draft, setDraft] as const;
}

function toggled<Item>(items: Item[], item: Item): Item[] {
  return items.includes(item) ? items.filter((one) => one !== item) : [...items, item];
}
