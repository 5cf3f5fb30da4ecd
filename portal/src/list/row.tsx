// One entry: its row, and below it all its fields while it is open.

import { Button, Spinner } from "@fluentui/react-components";
import { ChevronDownRegular, ChevronUpRegular } from "@fluentui/react-icons";
import type { MouseEvent } from "react";
import type { ListedActivity } from "../api/client";
import { Failure } from "../api/client";
import { useActivity } from "../api/queries";
import { State, Trouble } from "../states";
import { useView } from "../view";
import { useWords } from "../words/words";
import { Cell } from "./cell";
import type { Column } from "./columns";
import { Details } from "./details";
import { Facts } from "./facts";

interface RowProps {
  activity: ListedActivity;
  /** The row's number in the table. */
  place: number;
  columns: Column[];
}

export function Row({ activity, place, columns }: RowProps) {
  const { t, action, moment } = useWords();
  const { filter, open, toggle } = useView();
  const isOpen = open.includes(activity.id);
  const at = moment(activity.occurred_at, filter.time_zone);
  const entry = [action(activity.action), activity.customer?.name, at].filter(Boolean).join(", ");
  const panel = `entry-${activity.id}`;
  return (
    <>
      <div
        role="row"
        aria-rowindex={place}
        className={isOpen ? "columns entry-row entry-open" : "columns entry-row"}
        onClick={(event) => isOfRow(event) && toggle(activity.id)}
      >
        <div role="cell">
          <Button
            appearance="subtle"
            icon={isOpen ? <ChevronUpRegular /> : <ChevronDownRegular />}
            aria-label={t(isOpen ? "close_entry" : "open_entry", { entry })}
            aria-expanded={isOpen}
            aria-controls={isOpen ? panel : undefined}
            onClick={() => toggle(activity.id)}
          />
        </div>
        {columns.map((column) => (
          <Cell key={column} activity={activity} column={column} />
        ))}
      </div>
      {isOpen && (
        <div role="row" id={panel}>
          <div role="cell" aria-colspan={columns.length + 1}>
            <Entry id={activity.id} />
          </div>
        </div>
      )}
    </>
  );
}

/** Whether a click is the row's: not a link's or a button's, and not the end of a selection. */
function isOfRow({ target }: MouseEvent): boolean {
  const isOther = target instanceof Element && target.closest("a, button");
  return !isOther && (getSelection()?.isCollapsed ?? true);
}

/** All fields of an entry, read when it is opened. */
export function Entry({ id }: { id: string }) {
  const { t } = useWords();
  const { data, error, isPending, refetch } = useActivity(id);
  if (isPending) return <Spinner className="details" size="tiny" label={t("loading")} />;
  if (error instanceof Failure && error.status === 404) return <State title={t("not_found")} />;
  if (error) return <Trouble error={error} retry={() => void refetch()} />;
  return (
    <div className="details">
      <Facts activity={data} />
      <Details details={data.details} />
    </div>
  );
}
