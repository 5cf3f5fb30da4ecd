// The conditions, collected in a form and applied together.

import { Button, Checkbox, Combobox, Field, Input, Option } from "@fluentui/react-components";
import { useEffect, useMemo, useRef, useState } from "react";
import type { FormEvent } from "react";
import { useKept } from "../kept";
import { OUTCOMES, useView } from "../view";
import type { Filter, FilterChange } from "../view";
import { knownActions } from "../words/actions";
import { useWords } from "../words/words";

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
  const { action, outcome, ...typed } = { ...filter, ...draft };
  const apply = (event: FormEvent) => {
    event.preventDefault();
    const emptied = Object.entries(draft).map(([name, value]) => [name, value || undefined]);
    setFilter(Object.fromEntries(emptied) as FilterChange);
    setDraft({});
  };
  return (
    <form className="stack" onSubmit={apply}>
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
          <Actions chosen={action} choose={(action) => setDraft({ ...draft, action })} />
        </Field>
      </div>
      <div className="row">
        <div className="outcomes" role="group" aria-label={t("outcome")}>
          {OUTCOMES.map((one) => (
            <Checkbox
              key={one}
              label={t(`outcome.${one}`)}
              checked={outcome.includes(one)}
              onChange={() => setDraft({ ...draft, outcome: toggled(outcome, one) })}
            />
          ))}
        </div>
        <Button type="submit">{t("apply")}</Button>
      </div>
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

interface ActionsProps {
  chosen: string[];
  choose: (actions: string[]) => void;
}

/** Offers the known actions in words; any other can be typed by its name. */
function Actions({ chosen, choose, ...field }: ActionsProps) {
  const { t, action: words } = useWords();
  const [typed, setTyped] = useState<string>();
  const offered = useMemo(() => {
    const needle = (typed ?? "").trim().toLocaleLowerCase();
    const all = [...new Set([...chosen, ...knownActions()])];
    const found = all.filter((name) =>
      `${words(name)} ${name}`.toLocaleLowerCase().includes(needle),
    );
    const own = /^[a-z0-9._-]{1,64}$/.test(needle) && !all.includes(needle) ? [needle] : [];
    return [...found, ...own];
  }, [chosen, typed, words]);
  return (
    <Combobox
      {...field}
      multiselect
      className="actions"
      listbox={{ className: "actions-list" }}
      // Its height is that of the style sheet: Fluent UI's would be all of the window's.
      positioning={{ autoSize: false, fallbackPositions: ["above"] }}
      placeholder={t("action_hint")}
      selectedOptions={chosen}
      value={typed ?? chosen.map(words).join(", ")}
      onChange={({ target }) => setTyped(target.value)}
      onOpenChange={(_, { open }) => setTyped((typed) => (open ? (typed ?? "") : undefined))}
      onOptionSelect={(_, { selectedOptions }) => choose(selectedOptions)}
    >
      {offered.map((name) => (
        <Option key={name} value={name} text={words(name)}>
          {words(name)}
        </Option>
      ))}
      {offered.length === 0 && (
        <Option disabled text={t("no_action")}>
          {t("no_action")}
        </Option>
      )}
    </Combobox>
  );
}
