// One value of an entry's row.

import { Link } from "@fluentui/react-components";
import type { ListedActivity } from "../api/client";
import { useView } from "../view";
import { useWords } from "../words/words";
import { isWebAddress } from "./address";
import type { Column } from "./columns";
import { OutcomeBadge } from "./outcome";

interface CellProps {
  activity: ListedActivity;
  column: Column;
}

/** On a narrow screen, which has no header, the cell has its column's name. */
export function Cell({ activity, column }: CellProps) {
  const { t } = useWords();
  return (
    <div role="cell" className="cell">
      <span className="cell-name">{t(column)}</span>
      <Value activity={activity} column={column} />
    </div>
  );
}

function Value({ activity, column }: CellProps) {
  const { action } = useWords();
  const { resource, correlation_id } = activity;
  switch (column) {
    case "occurred_at":
    case "recorded_at":
      return <Moment moment={activity[column]} />;
    case "customer":
      return <CustomerName activity={activity} />;
    case "action":
      return <span>{action(activity.action)}</span>;
    case "actor":
      return <bdi className="name">{activity.actor.name}</bdi>;
    case "resource":
      return resource ? <bdi className="name">{`${resource.type} ${resource.id}`}</bdi> : <None />;
    case "correlation_id":
      return correlation_id ? <bdi className="name">{correlation_id}</bdi> : <None />;
    case "outcome":
      return <OutcomeBadge outcome={activity.outcome} />;
  }
}

function Moment({ moment }: { moment: string }) {
  const words = useWords();
  const { filter } = useView();
  return <time dateTime={moment}>{words.moment(moment, filter.time_zone)}</time>;
}

function None() {
  const { t } = useWords();
  return <span className="quiet">{t("none")}</span>;
}

/** The customer's name, which leads to the customer's Subscriptions page. */
function CustomerName({ activity }: { activity: ListedActivity }) {
  const { t } = useWords();
  const { customer, links } = activity;
  if (!customer) return <None />;
  const name = <bdi className="name">{customer.name}</bdi>;
  if (!isWebAddress(links?.subscriptions)) return name;
  return (
    <Link
      href={links?.subscriptions}
      target="_blank"
      rel="noopener noreferrer"
      title={t("subscriptions", { customer: customer.name })}
    >
      {name}
    </Link>
  );
}
