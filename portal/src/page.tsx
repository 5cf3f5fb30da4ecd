// The page: who is here, the period and filters, and what they show.

import {
  Button,
  MessageBar,
  MessageBarBody,
  Select,
  Spinner,
  ToggleButton,
} from "@fluentui/react-components";
import {
  ArrowDownloadRegular,
  ChevronUpRegular,
  DataBarVerticalRegular,
  FilterRegular,
} from "@fluentui/react-icons";
import { Suspense, lazy, useState, useSyncExternalStore } from "react";
import { isUnderWay, useExports } from "./api/queries";
import { Chips } from "./filters/chips";
import { Range } from "./filters/range";
import { useDownloadWhenReady } from "./exports/started";
import { List } from "./list/list";
import type { Session } from "./session";
import { hasConditions, useView } from "./view";
import { useWords } from "./words/words";
import type { Language } from "./words/words";

const Conditions = lazy(() => import("./filters/conditions"));
const Insights = lazy(() => import("./insights/insights"));
const Exports = lazy(() => import("./exports/exports"));

function subscribe(listener: () => void) {
  for (const name of ["online", "offline"]) addEventListener(name, listener);
  return () => {
    for (const name of ["online", "offline"]) removeEventListener(name, listener);
  };
}

export function Page({ session }: { session: Session }) {
  const { t } = useWords();
  const { panel } = useView();
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
        <Suspense fallback={<Spinner label={t("insights")} />}>
          {panel === "insights" && <Insights />}
        </Suspense>
        <List />
        <Suspense>{panel === "exports" && <Exports />}</Suspense>
      </main>
    </>
  );
}

function Filters() {
  const { t } = useWords();
  const { filter } = useView();
  const [shown, setShown] = useState(() => hasConditions(filter));
  return (
    <section className="card stack" aria-label={t("filters")}>
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
      {/* Made anew when the filter changes elsewhere, as by a chip. */}
      <Suspense>{shown && <Conditions key={JSON.stringify(filter)} />}</Suspense>
      <Chips />
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

/** The buttons that open insights and exports; running exports are counted. */
function Panels() {
  const { t } = useWords();
  const { panel, setPanel } = useView();
  const running = useExports().data?.filter(isUnderWay).length ?? 0;
  const downloaded = useDownloadWhenReady();
  return (
    <div className="row row-end">
      <ToggleButton
        icon={<DataBarVerticalRegular />}
        checked={panel === "insights"}
        onClick={() => setPanel(panel === "insights" ? undefined : "insights")}
      >
        {t("insights")}
      </ToggleButton>
      <Button
        appearance="primary"
        icon={<ArrowDownloadRegular />}
        onClick={() => setPanel("exports")}
      >
        {t("export")}
      </Button>
      <span role="status">
        {running > 0
          ? t("running_exports", { count: running })
          : downloaded && t("export_ready", { name: downloaded })}
      </span>
    </div>
  );
}
