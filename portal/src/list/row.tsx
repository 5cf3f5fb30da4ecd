// One entry: its row, and below it all its fields while it is open.

import { Button, Link, Spinner } from "@fluentui/react-components";
import { ChevronDownRegular, ChevronUpRegular } from "@fluentui/react-icons";
import type { ListedActivity } from "../api/client";
import { Failure } from "../api/client";
import { useActivity } from "../api/queries";
import { State, Trouble } from "../states";
import { useView } from "../view";
import { useWords } from "../words/words";
import { isWebAddress } from "./address";
import { Details } from "./details";
import { Facts } from "./facts";
import { OutcomeBadge } from "./outcome";

export function Row({ activity, place }: { activity: ListedActivity; place: number }) {
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
      >
        <span role="cell">
          <Button
            appearance="subtle"
            icon={isOpen ? <ChevronUpRegular /> : <ChevronDownRegular />}
            aria-label={t(isOpen ? "close_entry" : "open_entry", { entry })}
            aria-expanded={isOpen}
            aria-controls={isOpen ? panel : undefined}
            onClick={() => toggle(activity.id)}
          />
        </span>
        <time role="cell" dateTime={activity.occurred_at}>
          {at}
        </time>
        <span role="cell">
          <CustomerName activity={activity} />
        </span>
        <span role="cell">{action(activity.action)}</span>
        <span role="cell">
          <bdi className="name">{activity.actor.name}</bdi>
        </span>
        <span role="cell">
          <OutcomeBadge outcome={activity.outcome} />
        </span>
      </div>
      {isOpen && (
        <div role="row" id={panel}>
          <div role="cell" aria-colspan={6}>
            <Entry id={activity.id} />
          </div>
        </div>
      )}
    </>
  );
}

/** The customer's name, which leads to the customer's Subscriptions page. */
function CustomerName({ activity }: { activity: ListedActivity }) {
  const { t } = useWords();
  const { customer, links } = activity;
  if (!customer) return <span className="quiet">{t("no_customer")}</span>;
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
