// A button that copies a text to the clipboard.

import { Button } from "@fluentui/react-components";
import { CheckmarkRegular, CopyRegular } from "@fluentui/react-icons";
import { useState } from "react";
import type { Word } from "../words/en";
import { useWords } from "../words/words";

export function CopyButton({ text, word }: { text: string; word: Word }) {
  const { t } = useWords();
  const [said, setSaid] = useState<"copied" | "not_copied">();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
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
        icon={said === "copied" ? <CheckmarkRegular /> : <CopyRegular />}
        aria-label={t(word)}
        title={t(word)}
        onClick={() => void copy()}
        onBlur={() => setSaid(undefined)}
      />
      <span role="status">{said && t(said)}</span>
    </>
  );
}
