// The badge of an entry's outcome.

import { Badge } from "@fluentui/react-components";
import {
  CheckmarkCircleFilled,
  ClockRegular,
  DismissCircleFilled,
  SubtractCircleFilled,
} from "@fluentui/react-icons";
import type { ReactElement } from "react";
import type { Outcome } from "../api/client";
import { useWords } from "../words/words";

const OUTCOME_LOOKS: Record<
  Outcome,
  {
    color: "success" | "danger" | "informative" | "warning";
    icon: ReactElement;
  }
> = {
  succeeded: { color: "success", icon: <CheckmarkCircleFilled /> },
  failed: { color: "danger", icon: <DismissCircleFilled /> },
  in_progress: { color: "informative", icon: <ClockRegular /> },
  declined: { color: "warning", icon: <SubtractCircleFilled /> },
};

export function OutcomeBadge({ outcome }: { outcome: Outcome }) {
  const { t } = useWords();
  const looks = OUTCOME_LOOKS[outcome] ?? OUTCOME_LOOKS.in_progress;
  return (
    <Badge appearance="tint" size="large" color={looks.color} icon={looks.icon}>
      {t(`outcome.${outcome}`)}
    </Badge>
  );
}
