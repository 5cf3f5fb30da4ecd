// The fields of an entry.

import { Button, Link } from "@fluentui/react-components";
import { FilterRegular, OpenRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import type { OpenActivity } from "../api/queries";
import { EntryProof } from "../proofs/entry";
import { linkToEntry, useView } from "../view";
import type { Condition } from "../view";
import type { Word } from "../words/en";
import { useWords } from "../words/words";
import { isWebAddress } from "./address";
import { CopyButton } from "./copy";
import { OutcomeBadge } from "./outcome";

export function Facts({ activity }: { activity: OpenActivity }) {
  const { t, action } = useWords();
  const { actor, customer, links, resource, correlation_id, erased_at } = activity;
  const subscriptions = links?.subscriptions;
  return (
    <>
      {customer && isWebAddress(subscriptions) && (
        <div>
          <Link href={subscriptions} target="_blank" rel="noopener noreferrer">
            <bdi>{t("subscriptions", { customer: customer.name })}</bdi> <OpenRegular aria-hidden />
          </Link>
        </div>
      )}
      <dl className="facts">
        <Fact word="action">
          {action(activity.action)} <span className="code quiet">{activity.action}</span>
        </Fact>
        <Fact word="outcome">
          <OutcomeBadge outcome={activity.outcome} />
        </Fact>
        <Moment word="occurred_at" moment={activity.occurred_at} />
        <Moment word="recorded_at" moment={activity.recorded_at} />
        {erased_at && <Moment word="erased_at" moment={erased_at} />}
        {customer && (
          <Fact word="customer" only={["customer_id", customer.id, customer.name]}>
            <bdi className="name">{customer.name}</bdi> <Id>{customer.id}</Id>
          </Fact>
        )}
        <Fact word="actor" only={["actor_id", actor.id, actor.name]}>
          <bdi className="name">{actor.name}</bdi> ({t(`kind.${actor.kind}`)}) <Id>{actor.id}</Id>
        </Fact>
        {resource && (
          <>
            <Fact word="resource_type" only={["resource_type", resource.type, resource.type]}>
              <Id>{resource.type}</Id>
            </Fact>
            <Fact word="resource_id" only={["resource_id", resource.id, resource.id]}>
              <Id>{resource.id}</Id>
            </Fact>
          </>
        )}
        {correlation_id && (
          <Fact word="correlation_id" only={["correlation_id", correlation_id, correlation_id]}>
            <Id>{correlation_id}</Id>
          </Fact>
        )}
        <Fact word="proof">
          <EntryProof activity={activity} />
        </Fact>
        <Fact word="activity_id">
          <Id>{activity.id}</Id> <CopyButton text={activity.id} word="copy_id" />{" "}
          <CopyButton text={() => linkToEntry(activity.id)} word="copy_entry_link" looks="link" />
        </Fact>
      </dl>
    </>
  );
}

function Id({ children }: { children: string }) {
  return <bdi className="code">{children}</bdi>;
}

interface FactProps {
  word: Word;
  /** The condition that shows entries with the same value, this value, and its name. */
  only?: [condition: Condition, value: string, name: string];
  children: ReactNode;
}

function Fact({ word, only, children }: FactProps) {
  const { t } = useWords();
  const { setFilter } = useView();
  return (
    <div>
      <dt>{t(word)}</dt>
      <dd>
        {children}
        {only && (
          <Button
            appearance="subtle"
            size="small"
            icon={<FilterRegular />}
            aria-label={t("only_this", { field: t(word), value: only[2] })}
            title={t("only_this", { field: t(word), value: only[2] })}
            onClick={() => setFilter({ [only[0]]: only[1] })}
          />
        )}
      </dd>
    </div>
  );
}

/** A moment in the view's time zone, and as the service sent it. */
function Moment({ word, moment }: { word: Word; moment: string }) {
  const words = useWords();
  const { filter } = useView();
  return (
    <Fact word={word}>
      <time dateTime={moment}>{words.moment(moment, filter.time_zone)}</time> ({filter.time_zone})
      <br />
      <span className="code quiet">{moment}</span>
    </Fact>
  );
}
