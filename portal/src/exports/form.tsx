// What to export: the list's range and filters, and the kind of file.

import { Button, Checkbox, Field, Radio, RadioGroup } from "@fluentui/react-components";
import { useRef } from "react";
import type { NewExport } from "../api/client";
import { isUnderWay, useCreateExport, useExports } from "../api/queries";
import { useKept } from "../kept";
import { asked, isReversed } from "../range";
import { hasConditions, useView } from "../view";
import type { Filter } from "../view";
import { actionInWords, knownActions } from "../words/actions";
import { useWords } from "../words/words";
import type { Language } from "../words/words";
import { Refused } from "./refused";
import { remember } from "./started";

const FORMATS = ["csv", "xlsx", "jsonl"] as const;
const STYLES = ["spreadsheet", "raw"] as const;

export interface Form {
  format: (typeof FORMATS)[number];
  style: (typeof STYLES)[number];
  gzip: boolean;
  /** Absent in what the tab kept of an earlier version. */
  proof?: boolean;
}

/** A file for programs has no language, and may be compressed. */
export function isForPrograms({ format, style }: Form): boolean {
  return format === "jsonl" || (format === "csv" && style === "raw");
}

/** A file for people has a column with the actions as the page calls them. */
export function requestOf(filter: Filter, form: Form, locale: Language): NewExport {
  const { action, outcome, ...rest } = asked(filter);
  const forPrograms = isForPrograms(form);
  return {
    ...rest,
    ...(action.length > 0 && { action }),
    ...(outcome.length > 0 && { outcome }),
    format: form.format,
    ...(form.format === "csv" && { style: form.style }),
    ...(forPrograms
      ? { compression: form.gzip ? "gzip" : "none", proof: form.proof === true }
      : { locale, action_labels: labelsIn(locale) }),
  };
}

/** The service takes at most 500 labels, and bodies of 64 KiB, which also hold the filter. */
const LABELS_MAX = 500;
const LABEL_BYTES_MAX = 32 * 1_024;

/** Words for as many actions as an export takes; the others have their names in the file. */
function labelsIn(locale: Language): Record<string, string> {
  const labels = knownActions().map((name) => [name, actionInWords(name, locale)] as const);
  let bytes = 0;
  const fitting = labels.filter(([name, words], place) => {
    bytes += new TextEncoder().encode(JSON.stringify({ [name]: words })).length;
    return place < LABELS_MAX && bytes <= LABEL_BYTES_MAX;
  });
  return Object.fromEntries(fitting);
}

export function NewExportForm() {
  const { t, day, language } = useWords();
  const { filter } = useView();
  const [form, setForm] = useKept<Form>("export", {
    format: "csv",
    style: "spreadsheet",
    gzip: false,
  });
  const create = useCreateExport(remember);
  const keyOf = useKeys();
  const start = () => {
    const wanted = requestOf(filter, form, language);
    const key = keyOf(JSON.stringify(wanted));
    create.mutate({ key: key.current, wanted }, { onSuccess: key.forget });
  };
  const { from, to, time_zone: zone } = filter;
  return (
    <section className="stack" aria-label={t("export_what")}>
      <p>
        {t("export_range", { from: day(from), to: day(to), zone })},{" "}
        {t(hasConditions(filter) ? "export_filtered" : "export_unfiltered")}
      </p>
      <Choices form={form} setForm={setForm} />
      <div>
        <Button
          appearance="primary"
          disabledFocusable={create.isPending || isReversed(filter)}
          onClick={start}
        >
          {t(create.isPending ? "starting" : "start_export")}
        </Button>
      </div>
      <p role="status">{create.data && <Outcome id={create.data.id} />}</p>
      {create.error && <Refused error={create.error} />}
    </section>
  );
}

/** What has become of the export that was started here. */
function Outcome({ id }: { id: string }) {
  const { t } = useWords();
  const found = useExports().data?.find((one) => one.id === id);
  if (!found || isUnderWay(found)) return t("export_started");
  return t(found.state === "ready" ? "export_done" : "export_ended");
}

/** A key for each request; retries use the same key until the request is answered. */
function useKeys() {
  const kept = useRef<{ wanted: string; key: string }>(undefined);
  return (wanted: string) => {
    if (kept.current?.wanted !== wanted) kept.current = { wanted, key: crypto.randomUUID() };
    return { current: kept.current.key, forget: () => (kept.current = undefined) };
  };
}

function Choices({ form, setForm }: { form: Form; setForm: (form: Form) => void }) {
  const { t } = useWords();
  return (
    <>
      <Field label={t("format")}>
        <RadioGroup
          value={form.format}
          onChange={(_, { value }) => setForm({ ...form, format: value as Form["format"] })}
        >
          {FORMATS.map((format) => (
            <Radio key={format} value={format} label={t(`format.${format}`)} />
          ))}
        </RadioGroup>
      </Field>
      {form.format === "csv" && (
        <Field label={t("style")}>
          <RadioGroup
            value={form.style}
            onChange={(_, { value }) => setForm({ ...form, style: value as Form["style"] })}
          >
            {STYLES.map((style) => (
              <Radio key={style} value={style} label={t(`style.${style}`)} />
            ))}
          </RadioGroup>
        </Field>
      )}
      {isForPrograms(form) && (
        <>
          <Checkbox
            label={t("gzip")}
            checked={form.gzip}
            onChange={(_, { checked }) => setForm({ ...form, gzip: checked === true })}
          />
          <Field hint={t("with_proof_hint")}>
            <Checkbox
              label={t("with_proof")}
              checked={form.proof === true}
              onChange={(_, { checked }) => setForm({ ...form, proof: checked === true })}
            />
          </Field>
        </>
      )}
    </>
  );
}
