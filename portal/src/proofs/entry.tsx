// Whether an entry is what was sealed, which the browser checks itself.

import { Badge, Button, Spinner } from "@fluentui/react-components";
import {
  CheckmarkCircleRegular,
  ClockRegular,
  ErrorCircleRegular,
  QuestionCircleRegular,
} from "@fluentui/react-icons";
import { Failure } from "../api/client";
import type { OpenActivity } from "../api/queries";
import { useEntryProof } from "../api/proofs";
import { useView } from "../view";
import { useWords } from "../words/words";
import { Unable } from "./bytes";
import { NotWhole } from "./check";
import type { ProvenEntry } from "./check";
import { knownSince } from "./keys";

export function EntryProof({ activity }: { activity: OpenActivity }) {
  const { t } = useWords();
  const { data, error, refetch } = useEntryProof(activity);
  if (data) return <Proven entry={data} />;
  if (!error) return <Spinner size="extra-tiny" label={t("proof_checking")} />;
  if (error instanceof Failure && error.kind === "not_sealed") return <NotSealed failure={error} />;
  if (error instanceof Unable)
    return <Plain icon={<QuestionCircleRegular />} text={t("proof_unable")} />;
  if (error instanceof Failure) {
    return (
      <>
        {t("proof_unread")}{" "}
        <Button size="small" onClick={() => void refetch()}>
          {t("retry")}
        </Button>
      </>
    );
  }
  const fault = error instanceof NotWhole ? error.fault : "signature";
  return (
    <span role="alert">
      <Badge appearance="filled" color="danger" icon={<ErrorCircleRegular />}>
        {t("proof_broken")}
      </Badge>{" "}
      {t(`fault.${fault}`)} {t("proof_broken_hint")}
    </span>
  );
}

function Proven({ entry: { index, checkpoint, isWhole } }: { entry: ProvenEntry }) {
  const { t, day } = useWords();
  const { size, keyId } = checkpoint;
  const since = day(knownSince(keyId));
  return (
    <>
      <Badge appearance="tint" color="success" icon={<CheckmarkCircleRegular />}>
        {t("proof_holds")}
      </Badge>{" "}
      <span className="quiet">
        {t("proof_place", { place: index + 1, size })} {!isWhole && t("proof_erased")}{" "}
        {t("proof_key", { key: keyId, since })}
      </span>
    </>
  );
}

function NotSealed({ failure }: { failure: Failure }) {
  const { t, moment } = useWords();
  const { filter } = useView();
  const by = failure.expectedBy;
  const text = by
    ? t("proof_expected", { moment: moment(by, filter.time_zone) })
    : t("proof_not_sealed");
  return <Plain icon={<ClockRegular />} text={text} />;
}

function Plain({ icon, text }: { icon: React.JSX.Element; text: string }) {
  return (
    <Badge appearance="tint" color="informative" icon={icon}>
      {text}
    </Badge>
  );
}
