// The conditions, gathered in a form and applied at once.

import { Button, Checkbox, Combobox, Field, Input, Option } from "@fluentui/react-components";
import { useMemo, useState } from "react";
import type { FormEvent } from "react";
import type { Outcome } from "../api/client";
import { OUTCOMES, useView } from "../view";
import type { Condition } from "../view";
import { KNOWN_ACTIONS } from "../words/actions";
import { useWords } from "../words/words";

/** The conditions that are typed, and whether a part of a name will do. */
const TYPED: [name: Condition, part: boolean][] = [
  ["customer", true],
  ["actor", true],
  ["resource_type", false],
  ["resource_id", false],
];

export default function Conditions() {
  const { t } = useWords();
  const { filter, setFilter } = useView();
  const [typed, setTyped] = useState<Partial<Record<Condition, string>>>({});
  const [action, setAction] = useState(filter.action);
  const [outcome, setOutcome] = useState<Outcome[]>(filter.outcome);
  const apply = (event: FormEvent) => {
    event.preventDefault();
    const cleared = Object.entries(typed).map(([name, value]) => [name, value || undefined]);
    setFilter({ ...Object.fromEntries(cleared), action, outcome });
  };
  return (
    <form className="stack" onSubmit={apply}>
      <div className="fields">
        {TYPED.map(([name, part]) => (
          <Field key={name} label={t(name)}>
            <Input
              value={typed[name] ?? filter[name] ?? ""}
              placeholder={t(part ? "name_part_hint" : "exact_hint")}
              maxLength={part ? 256 : 128}
              onChange={(_, { value }) => setTyped({ ...typed, [name]: value })}
            />
          </Field>
        ))}
        <Field label={t("action")}>
          <Actions chosen={action} choose={setAction} />
        </Field>
      </div>
      <div className="row">
        <div className="outcomes" role="group" aria-label={t("outcome")}>
          {OUTCOMES.map((one) => (
            <Checkbox
              key={one}
              label={t(`outcome.${one}`)}
              checked={outcome.includes(one)}
              onChange={() => setOutcome(toggled(outcome, one))}
            />
          ))}
        </div>
        <Button type="submit">{t("apply")}</Button>
      </div>
    </form>
  );
}

function toggled<Item>(items: Item[], item: Item): Item[] {
  return items.includes(item) ? items.filter((one) => one !== item) : [...items, item];
}

interface ActionsProps {
  chosen: string[];
  choose: (actions: string[]) => void;
}

/** The known actions by their words; any other can be typed by its name. */
function Actions({ chosen, choose, ...field }: ActionsProps) {
  const { t, action: words } = useWords();
  const [typed, setTyped] = useState<string>();
  const offered = useMemo(() => {
    const needle = (typed ?? "").trim().toLocaleLowerCase();
    const all = [...new Set([...chosen, ...KNOWN_ACTIONS])];
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
    </Combobox>
  );
}
