// An entry's details: as a structure, and as JSON.
//
// Everything in them is shown as text; nothing is interpreted as HTML.

import { Tab, TabList } from "@fluentui/react-components";
import { useId, useState } from "react";
import { stringifyExactly } from "../api/exact";
import { useWords } from "../words/words";
import { CopyButton } from "./copy";
import { Json, Value } from "./value";

const FORMS = ["structure", "json"] as const;

export function Details({ details }: { details: Record<string, unknown> | undefined }) {
  const { t } = useWords();
  const id = useId();
  const [shown, setShown] = useState<(typeof FORMS)[number]>("structure");
  if (!details) return <p className="quiet">{t("no_details")}</p>;
  return (
    <div className="stack">
      <div className="row details-head">
        <h3>{t("details")}</h3>
        <TabList
          size="small"
          selectedValue={shown}
          onTabSelect={(_, { value }) => setShown(value as typeof shown)}
        >
          {FORMS.map((form) => (
            <Tab key={form} id={`${id}${form}`} value={form} aria-controls={id}>
              {t(form)}
            </Tab>
          ))}
        </TabList>
      </div>
      <div role="tabpanel" id={id} aria-labelledby={`${id}${shown}`}>
        {shown === "json" ? <WholeJson value={details} /> : <Value value={details} />}
      </div>
    </div>
  );
}

function WholeJson({ value }: { value: unknown }) {
  return (
    <>
      <CopyButton text={stringifyExactly(value)} word="copy_json" />
      <Json value={value} />
    </>
  );
}
