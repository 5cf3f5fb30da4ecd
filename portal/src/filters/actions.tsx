// The choice of actions.

import { Combobox, Option } from "@fluentui/react-components";
import { useMemo, useState } from "react";
import { knownActions } from "../words/actions";
import { useWords } from "../words/words";
import { Count } from "./count";
import type { ValueCounts } from "./counts";

interface ActionsProps {
  chosen: string[];
  choose: (actions: string[]) => void;
  counts: ValueCounts;
}

/** Offers the known actions in words, and those that were counted; any other can be typed. */
export function Actions({ chosen, choose, counts, ...field }: ActionsProps) {
  const { t, action: words } = useWords();
  const [typed, setTyped] = useState<string>();
  const offered = useMemo(() => {
    const needle = (typed ?? "").trim().toLocaleLowerCase();
    const counted = counts.groups.flatMap(({ action }) => action ?? []);
    const all = [...new Set([...chosen, ...knownActions(), ...counted])];
    const found = all.filter((name) =>
      `${words(name)} ${name}`.toLocaleLowerCase().includes(needle),
    );
    const own = /^[a-z0-9._-]{1,64}$/.test(needle) && !all.includes(needle) ? [needle] : [];
    return [...found, ...own];
  }, [chosen, counts.groups, typed, words]);
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
      onOpenChange={(_, { open }) => {
        setTyped((typed) => (open ? (typed ?? "") : undefined));
        if (open) counts.show(true);
      }}
      onOptionSelect={(_, { selectedOptions }) => choose(selectedOptions)}
    >
      {offered.map((name) => (
        <Option key={name} value={name} text={words(name)}>
          <span className="choice">{words(name)}</span>
          <Count counts={counts} name="action" value={name} />
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
