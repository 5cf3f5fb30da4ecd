// A button that puts a text onto the clipboard.

import { Button } from "@fluentui/react-components";
import { CheckmarkRegular, CopyRegular } from "@fluentui/react-icons";
import { useState } from "react";
import type { Word } from "../words/en";
import { useWords } from "../words/words";

export function CopyButton({ text, word }: { text: string; word: Word }) {
  const { t } = useWords();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
  };
  return (
    <>
      <Button
        appearance="subtle"
        size="small"
        icon={copied ? <CheckmarkRegular /> : <CopyRegular />}
        aria-label={t(word)}
        title={t(word)}
        onClick={() => void copy()}
        onBlur={() => setCopied(false)}
      />
      <span role="status">{copied && t("copied")}</span>
    </>
  );
}
