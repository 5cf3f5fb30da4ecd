// One export: its state, and the actions that it offers.

import { Badge, Button, ProgressBar } from "@fluentui/react-components";
import type { BadgeProps } from "@fluentui/react-components";
import { ArrowDownloadRegular, DeleteRegular, ShieldCheckmarkRegular } from "@fluentui/react-icons";
import { useRef } from "react";
import type { ListedExport } from "../api/client";
import { isUnderWay, useDeleteExport, useDownload } from "../api/queries";
import { today } from "../range";
import { hasConditions, useView } from "../view";
import type { Word } from "../words/en";
import { useWords } from "../words/words";
import { Refused } from "./refused";

const COLOURS: Record<ListedExport["state"], NonNullable<BadgeProps["color"]>> = {
  queued: "informative",
  running: "brand",
  ready: "success",
  failed: "danger",
  cancelled: "informative",
  expired: "informative",
};

export function Export({ found }: { found: ListedExport }) {
  const { t, moment } = useWords();
  const { filter } = useView();
  const { state, created_at, created_by } = found;
  const at = moment(created_at, filter.time_zone);
  const card = useRef<HTMLLIElement>(null);
  const name = found.file?.name ?? `${found.format.toUpperCase()}, ${at}`;
  return (
    <li ref={card} tabIndex={-1} aria-label={name}>
      <div className="row">
        <strong>{name}</strong>
        <Badge appearance="tint" color={COLOURS[state]}>
          {t(`state.${state}`)}
        </Badge>
      </div>
      <span className="quiet">
        {at}, <bdi>{created_by.name}</bdi>
      </span>
      <RangeAndConditions found={found} />
      <Progress found={found} />
      <Buttons found={found} name={name} whenGone={() => card.current?.focus()} />
    </li>
  );
}

/** The range, in the export's time zone, and whether it has conditions. */
function RangeAndConditions({ found: { filter, from, to } }: { found: ListedExport }) {
  const { t, day, moment } = useWords();
  // The zone of a request that names none, as one of a program may.
  const zone = filter.time_zone ?? "UTC";
  const isOfDays = ![filter.from, filter.to].some((bound) => bound?.includes("T"));
  // `to` is exclusive, so the last day has the moment before it.
  const last = new Date(Date.parse(to) - 1);
  const range = isOfDays
    ? { from: day(today(zone, new Date(from))), to: day(today(zone, last)) }
    : { from: moment(from, zone), to: moment(to, zone) };
  return (
    <span className="quiet">
      {t("export_range", { ...range, zone })},{" "}
      {t(hasConditions(filter) ? "export_filtered_then" : "export_unfiltered")}
    </span>
  );
}

function Progress({ found }: { found: ListedExport }) {
  const { t, bytes } = useWords();
  const { state, progress, file, failure } = found;
  if (isUnderWay(found)) {
    // How many rows there will be is unknown: `fraction` is one of the period's time, in
    // which entries are spread unevenly.
    return (
      <>
        <ProgressBar aria-label={t(`state.${state}`)} />
        <span>{t("progress", { rows: progress.rows })}</span>
      </>
    );
  }
  if (failure) return <p>{t(`failure.${failure.code}`)}</p>;
  if (!file) return null;
  return (
    <>
      <span>{t("file_size", { rows: file.rows, size: bytes(file.bytes) })}</span>
      {file.truncated_cells > 0 && <span>{t("truncated", { count: file.truncated_cells })}</span>}
    </>
  );
}

interface ButtonsProps {
  found: ListedExport;
  name: string;
  /** Takes the focus when no button is left. */
  whenGone: () => void;
}

function Buttons({ found, name, whenGone }: ButtonsProps) {
  const { t } = useWords();
  const download = useDownload();
  const remove = useDeleteExport();
  const error = download.error ?? remove.error;
  const label = (word: Word) => t("of_export", { button: t(word), name });
  if (!isUnderWay(found) && found.state !== "ready") return null;
  return (
    <>
      <div className="row">
        {found.state === "ready" && (
          <Button
            icon={<ArrowDownloadRegular />}
            aria-label={label("download")}
            disabledFocusable={download.isPending}
            onClick={() => download.mutate({ id: found.id, what: "file" })}
          >
            {t("download")}
          </Button>
        )}
        {found.state === "ready" && found.proof && (
          <Button
            icon={<ShieldCheckmarkRegular />}
            aria-label={label("download_proof")}
            disabledFocusable={download.isPending}
            onClick={() => download.mutate({ id: found.id, what: "proof" })}
          >
            {t("download_proof")}
          </Button>
        )}
        <Button
          appearance="subtle"
          icon={<DeleteRegular />}
          aria-label={label(isUnderWay(found) ? "cancel_export" : "remove_file")}
          onClick={() => remove.mutate(found.id, { onSuccess: whenGone })}
        >
          {t(isUnderWay(found) ? "cancel_export" : "remove_file")}
        </Button>
      </div>
      {error && <Refused error={error} />}
    </>
  );
}
