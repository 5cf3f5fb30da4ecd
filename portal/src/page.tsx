// The page: the person, the period and filters, and the entries that match.

import {
  Button,
  Link,
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  Select,
  ToggleButton,
} from "@fluentui/react-components";
import {
  ArrowDownloadRegular,
  CalendarLtrRegular,
  ChevronUpRegular,
  DataBarVerticalRegular,
  FilterRegular,
  ShieldCheckmarkRegular,
} from "@fluentui/react-icons";
import { useContext, useRef, useState, useSyncExternalStore } from "react";
import { isUnderWay, useExports } from "./api/queries";
import { BrandingContext } from "./branding";
import { Chips } from "./filters/chips";
import { Range } from "./filters/range";
import { Sealed } from "./filters/sealed";
import { EXPORT_BUTTON, useDownloadWhenReady } from "./exports/started";
import { List } from "./list/list";
import type { Session } from "./session/session";
import { useKept } from "./kept";
import { later } from "./later";
import { useView } from "./view";
import { useWords } from "./words/words";
import type { Language } from "./words/words";

const Conditions = later(() => import("./filters/conditions"));
const Insights = later(() => import("./insights/insights"));
const KeptCheckpoint = later(() => import("./proofs/kept"));
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
        <Ending session={session} />
        <Filters />
        {panels.includes("insights") && <Insights />}
        <List />
        {/* Stays after it was shown: a drawer must close before it is removed. */}
        {exportsMade && <Exports />}
      </main>
    </>
  );
}

/** Says that the session ends soon, if it could not be renewed without the person. */
function Ending({ session }: { session: Session }) {
  const { t } = useWords();
  const minutes = useSyncExternalStore(session.subscribe, () => session.endsIn);
  if (minutes === undefined) return null;
  return (
    <MessageBar intent="warning" role="alert">
      <MessageBarBody>{t("session_ends", { minutes })}</MessageBarBody>
      <MessageBarActions>
        <Button onClick={() => void session.signIn()}>{t("stay_signed_in")}</Button>
      </MessageBarActions>
    </MessageBar>
  );
}

function Filters() {
  const { t } = useWords();
  const [shown, setShown] = useKept("filters", false);
  const [rangeShown, setRangeShown] = useState(false);
  const [proofs, setProofs] = useState(false);
  const { day } = useWords();
  const { filter } = useView();
  const section = useRef<HTMLElement>(null);
  return (
    <section ref={section} tabIndex={-1} className="card stack" aria-label={t("filters")}>
      <Button
        className="range-button"
        icon={rangeShown ? <ChevronUpRegular /> : <CalendarLtrRegular />}
        aria-expanded={rangeShown}
        onClick={() => setRangeShown(!rangeShown)}
      >
        {t("range", { from: day(filter.from), to: day(filter.to) })}
      </Button>
      <div className="row range" data-shown={rangeShown}>
        <Range />
      </div>
      <Sealed />
      <div className="row tools">
        <Button
          icon={shown ? <ChevronUpRegular /> : <FilterRegular />}
          aria-expanded={shown}
          onClick={() => setShown(!shown)}
        >
          {t("filters")}
        </Button>
        <Button
          icon={proofs ? <ChevronUpRegular /> : <ShieldCheckmarkRegular />}
          aria-expanded={proofs}
          onClick={() => setProofs(!proofs)}
        >
          {t("proofs")}
        </Button>
        <Panels />
      </div>
      {proofs && <KeptCheckpoint />}
      {shown && <Conditions />}
      <Chips whenGone={() => section.current?.focus()} />
    </section>
  );
}

function Top({ session }: { session: Session }) {
  const { t, language, setLanguage } = useWords();
  const { logo, help } = useContext(BrandingContext);
  return (
    <header className="top">
      {logo && <img className="logo" src={logo} alt="" />}
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
        {help && (
          <Link href={help} target="_blank" rel="noopener noreferrer">
            {t("help")}
          </Link>
        )}
        {session.signOut && (
          <Button appearance="subtle" onClick={() => void session.signOut?.()}>
            {t("sign_out")}
          </Button>
        )}
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
