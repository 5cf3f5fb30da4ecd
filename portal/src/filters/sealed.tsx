// Whether entries may still be added to the period.

import type { ActivityPage } from "../api/client";
import { useActivities } from "../api/queries";
import { useView } from "../view";
import { useWords } from "../words/words";

export function Sealed() {
  const { t, moment } = useWords();
  const { filter } = useView();
  const { data, isPlaceholderData } = useActivities(filter);
  const page = isPlaceholderData ? undefined : data?.pages.at(-1);
  return <p className="quiet sealed">{page && words(page)}</p>;

  function words({ settled, sealed_to, from }: ActivityPage) {
    if (settled) return t("settled");
    if (!sealed_to || sealed_to <= from) return t("not_settled");
    return t("partly_settled", { moment: moment(sealed_to, filter.time_zone) });
  }
}
