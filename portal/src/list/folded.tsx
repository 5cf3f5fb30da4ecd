// The beginning of a long text or list, and a button that shows all of it.

import { Button } from "@fluentui/react-components";
import { useState } from "react";
import type { ReactNode } from "react";
import type { Word } from "../words/en";
import { useWords } from "../words/words";

/** How many characters of a text are shown before a click shows the rest. */
const CHARACTERS_SHOWN = 400;

interface FoldedProps<Item> {
  items: Item[];
  /** How many are shown at first. */
  most: number;
  children: (items: Item[]) => ReactNode;
}

export function Folded<Item>({ items, most, children }: FoldedProps<Item>) {
  const [all, setAll] = useState(false);
  return (
    <>
      {children(all ? items : items.slice(0, most))}
      {items.length > most && (
        <More word="show_all" count={items.length} all={all} setAll={setAll} />
      )}
    </>
  );
}

export function FoldedText({ text }: { text: string }) {
  const [all, setAll] = useState(false);
  if (text.length <= CHARACTERS_SHOWN) return <bdi className="name">{text}</bdi>;
  return (
    <>
      <bdi className="name">{all ? text : `${text.slice(0, CHARACTERS_SHOWN)}…`}</bdi>{" "}
      <More word="show_all_text" count={text.length} all={all} setAll={setAll} />
    </>
  );
}

interface MoreProps {
  word: Word;
  count: number;
  all: boolean;
  setAll: (all: boolean) => void;
}

function More({ word, count, all, setAll }: MoreProps) {
  const { t } = useWords();
  return (
    <Button size="small" aria-expanded={all} onClick={() => setAll(!all)}>
      {all ? t("show_less") : t(word, { count })}
    </Button>
  );
}
