// Whether entries may still be added to the period.

import { useActivities } from "../api/queries";
import { useView } from "../view";
import { useWords } from "../words/words";

export function Sealed() {
  const { t } = useWords();
  const { filter } = useView();
  const { data, isPlaceholderData } = useActivities(filter);
  const settled = isPlaceholderData ? undefined : data?.pages.at(-1)?.settled;
  return (
    <p className="quiet sealed">
      {settled !== undefined && t(settled ? "settled" : "not_settled")}
    </p>
  );
}
