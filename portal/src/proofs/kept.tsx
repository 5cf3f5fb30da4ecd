// Keeps the checkpoint of today as a small file, and compares one that was kept.

import { Button, MessageBar, MessageBarBody, Spinner } from "@fluentui/react-components";
import { useEffect, useRef } from "react";
import { useCompare, useKeepCheckpoint } from "../api/proofs";
import { Failure } from "../api/client";
import { useView } from "../view";
import { useWords } from "../words/words";
import { Unable } from "./bytes";
import { NotWhole } from "./check";
import type { Growth } from "./check";

/** More than any checkpoint has. */
const BYTES_MAX = 100_000;

export default function KeptCheckpoint() {
  const { t } = useWords();
  const keep = useKeepCheckpoint();
  const compare = useCompare();
  const input = useRef<HTMLInputElement>(null);
  const read = (file: File | undefined) => {
    if (file) compare.mutate(file.slice(0, BYTES_MAX).text());
  };
  useDropped(read);
  return (
    <div className="stack kept">
      <div className="row">
        <Button size="small" disabledFocusable={keep.isPending} onClick={() => keep.mutate()}>
          {t("keep_checkpoint")}
        </Button>
        <Button size="small" onClick={() => input.current?.click()}>
          {t("compare_checkpoint")}
        </Button>
        <input
          ref={input}
          type="file"
          hidden
          accept=".txt,text/plain"
          aria-label={t("compare_checkpoint")}
          onChange={({ target }) => {
            read(target.files?.[0]);
            // The same file may be chosen again.
            target.value = "";
          }}
        />
        <span className="quiet">{t("kept_hint")}</span>
      </div>
      {compare.isPending && <Spinner size="extra-tiny" label={t("proof_checking")} />}
      {compare.data && <Grown growth={compare.data} />}
      {compare.error && <Wrong error={compare.error} />}
      {keep.error && <Wrong error={keep.error} />}
    </div>
  );
}

function Grown({ growth: { before, now } }: { growth: Growth }) {
  const { t, moment } = useWords();
  const { filter } = useView();
  const at = moment(before.sealedTo, filter.time_zone);
  return (
    <MessageBar intent="success" layout="multiline" role="status">
      <MessageBarBody>
        {t("checkpoint_holds", { before: before.size, now: now.size, moment: at })}
      </MessageBarBody>
    </MessageBar>
  );
}

function Wrong({ error }: { error: Error }) {
  const { t } = useWords();
  const words = () => {
    if (error instanceof NotWhole) return `${t(`fault.${error.fault}`)} ${t("proof_broken_hint")}`;
    if (error instanceof Unable) return t("proof_unable");
    if (!(error instanceof Failure)) return t("no_checkpoint");
    if (error.kind === "not_sealed") return t("proof_not_sealed");
    return error.detail ?? t("proof_unread");
  };
  const isBroken = error instanceof NotWhole;
  return (
    <MessageBar intent={isBroken ? "error" : "warning"} layout="multiline" role="alert">
      <MessageBarBody>
        {isBroken && <strong>{t("checkpoint_broken")} </strong>}
        {words()}
      </MessageBarBody>
    </MessageBar>
  );
}

/** Takes a file that is dropped anywhere on the page. */
function useDropped(take: (file: File | undefined) => void) {
  useEffect(() => {
    const over = (event: DragEvent) => event.preventDefault();
    const drop = (event: DragEvent) => {
      event.preventDefault();
      take(event.dataTransfer?.files[0]);
    };
    addEventListener("dragover", over);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("drop", drop);
    };
  });
}
