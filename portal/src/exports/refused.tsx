// Why an action on an export failed.

import { MessageBar, MessageBarBody } from "@fluentui/react-components";
import { Failure } from "../api/client";
import type { Word } from "../words/en";
import { useWords } from "../words/words";

const KNOWN: Partial<Record<Failure["kind"], Word>> = {
  too_many_exports: "too_many_exports",
  unreachable: "export_unreachable",
  forbidden: "export_forbidden",
  not_sealed: "export_not_sealed",
};

export function Refused({ error }: { error: Error }) {
  const { t } = useWords();
  const failure = error instanceof Failure ? error : new Failure("problem", error.message);
  const known = KNOWN[failure.kind];
  return (
    <MessageBar intent="error" layout="multiline" role="alert">
      <MessageBarBody>
        {known ? t(known) : (failure.detail ?? t("not_done"))}{" "}
        {failure.requestId && t("request_id", { id: failure.requestId })}
      </MessageBarBody>
    </MessageBar>
  );
}
