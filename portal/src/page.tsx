// The page: the person, the period and filters, and the entries that match.

import {
  Button,
  MessageBar,
  MessageBarBody,
  Select,
  ToggleButton,
} from "@fluentui/react-components";
import {
  ArrowDownloadRegular,
  ChevronUpRegular,
  DataBarVerticalRegular,
  FilterRegular,
} from "@fluentui/react-icons";
import { useRef, useState, useSyncExternalStore } from "react";
import { isUnderWay, useExports } from "./api/queries";
import { Chips } from "./filters/chips";
import { Range } from "./filters/range";
import { EXPORT_BUTTON, useDownloadWhenReady } from "./exports/started";
import { List } from "./list/list";
import type { Session } from "./session";
import { later } from "./later";
import { useView } from "./view";
import { useWords } from "./words/words";
import type { Language } from "./words/words";

const Conditions = later(() => import("./filters/conditions"));
const Insights = later(() => import("./insights/insights"));
const Exports = later(() => import("./exports/exports"));

function subscribe(listener: () => void) {
  for (const name of ["online", "offline"]) addEventListener(name, listener);
  return () => {
    for (const name of ["online", "offline"]) removeEventListener(name, listener);
  };
}

export function Page({ session }: { session: Session }) {
  const { t } = useWords();
  const { panels } = useView();
  const exportsShown = panels.includes("exports");
  const [exportsMade, setExportsMade] = useState(exportsShown);
  if (exportsShown && !exportsMade) setExportsMade(true);
  const online = useSyncExternalStore(subscribe, () => navigator.onLine);
  return (
    <>
      <Top session={session} />
      <main>
        {!online && (
          <MessageBar intent="warning">
            <MessageBarBody>{t("offline")}</MessageBarBody>
          </MessageBar>
        )}
        <Filters />
        {panels.includes("insights") && <Insights />}
        <List />
        {/* Stays after it was shown: a drawer must close before it is removed. */}
        {exportsMade && <Exports />}
      </main>
    </>
  );
}

function Filters() {
  const { t } = useWords();
  const [shown, setShown] = useState(false);
  const section = useRef<HTMLElement>(null);
  return (
    <section ref={section} tabIndex={-1} className="card stack" aria-label={t("filters")}>
      <div className="row">
        <Range />
      </div>
      <div className="row">
        <Button
          icon={shown ? <ChevronUpRegular /> : <FilterRegular />}
          aria-expanded={shown}
          onClick={() => setShown(!shown)}
        >
          {t("filters")}
        </Button>
        <Panels />
      </div>
      {shown && <Conditions />}
      <Chips whenGone={() => section.current?.focus()} />
    </section>
  );
}

function Top({ session }: { session: Session }) {
  const { t, language, setLanguage } = useWords();
  return (
    <header className="top">
      <div className="top-title">
        <h1>{t("title")}</h1>
        <p className="quiet">{t("subtitle")}</p>
      </div>
      <div className="who">
        {session.partner && <span>{t("partner", { partner: session.partner })}</span>}
        <bdi className="quiet">{session.name}</bdi>
        <Select
          aria-label={t("language")}
          value={language}
          onChange={(_, { value }) => setLanguage(value as Language)}
        >
          <option value="en" lang="en">
            English
          </option>
          <option value="ko" lang="ko">
            한국어
          </option>
        </Select>
        <Button appearance="subtle" onClick={() => void session.signOut()}>
          {t("sign_out")}
        </Button>
      </div>
    </header>
  );
}

/** The buttons that open insights and exports, with the number of running exports. */
function Panels() {
  const { t } = useWords();
  const { panels, setPanel } = useView();
  const insights = panels.includes("insights");
  const running = useExports().data?.filter(isUnderWay).length ?? 0;
  const notice = useDownloadWhenReady();
  return (
    <div className="row row-end">
      <ToggleButton
        icon={<DataBarVerticalRegular />}
        checked={insights}
        onClick={() => setPanel("insights", !insights)}
      >
        {t("insights")}
      </ToggleButton>
      <Button
        id={EXPORT_BUTTON}
        appearance="primary"
        icon={<ArrowDownloadRegular />}
        onClick={() => setPanel("exports", true)}
      >
        {t("export")}
      </Button>
      <span role="status">
        {running > 0
          ? t("running_exports", { count: running })
          : notice && t(notice.word, { name: notice.name })}
      </span>
    </div>
  );
}
