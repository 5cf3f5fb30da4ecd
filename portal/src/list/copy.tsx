// A button that copies a text to the clipboard.

import { Button } from "@fluentui/react-components";
import { CheckmarkRegular, CopyRegular, LinkRegular } from "@fluentui/react-icons";
import { useState } from "react";
import type { Word } from "../words/en";
import { useWords } from "../words/words";

const ICONS = { copy: <CopyRegular />, link: <LinkRegular /> };

interface CopyProps {
  text: string | (() => string);
  word: Word;
  looks?: "copy" | "link";
}

export function CopyButton({ text, word, looks = "copy" }: CopyProps) {
  const { t } = useWords();
  const [said, setSaid] = useState<"copied" | "not_copied">();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
      setSaid("copied");
    } catch {
      setSaid("not_copied");
    }
  };
  return (
    <>
      <Button
        appearance="subtle"
        size="small"
        icon={said === "copied" ? <CheckmarkRegular /> : ICONS[looks]}
        aria-label={t(word)}
        title={t(word)}
        onClick={() => void copy()}
        onBlur={() => setSaid(undefined)}
      />
      <span role="status">{said && t(said)}</span>
    </>
  );
}
