// What the page shows instead of entries: an error, and what to do about it.

import { Button } from "@fluentui/react-components";
import { useEffect } from "react";
import type { ReactNode } from "react";
import { Failure } from "./api/client";
import type { Absence, SessionFailure } from "./session/session";
import type { Word } from "./words/en";
import { useWords } from "./words/words";

interface StateProps {
  title: string;
  hint?: string | undefined;
  children?: ReactNode;
}

export function State({ title, hint, children }: StateProps) {
  return (
    <section className="trouble">
      <h2>{title}</h2>
      {hint && <p className="quiet">{hint}</p>}
      {children}
    </section>
  );
}

const KNOWN: Partial<Record<Failure["kind"], [title: Word, hint: Word]>> = {
  forbidden: ["forbidden", "forbidden_hint"],
  unreachable: ["unreachable", "unreachable_hint"],
};

interface TroubleProps {
  error: unknown;
  retry: () => void;
}

/** Why a request failed, its id, and a way to try again. */
export function Trouble({ error, retry }: TroubleProps) {
  const { t } = useWords();
  const failure = error instanceof Failure ? error : new Failure("problem", String(error));
  const refused = failure.status !== undefined && failure.status < 500;
  const known = KNOWN[failure.kind];
  const [title, hint] = known ?? [refused ? "refused" : "failed", "failed_hint"];
  // The service's text, which is English, is only shown where the page has none.
  const detail = !known && refused ? failure.detail : undefined;
  return (
    <div role="alert">
      <State title={t(title)} hint={detail ?? t(hint)}>
        {failure.requestId && (
          <p className="code quiet">{t("request_id", { id: failure.requestId })}</p>
        )}
        <Button onClick={retry}>{t("retry")}</Button>
      </State>
    </div>
  );
}

interface SignedOutProps {
  /** Why nobody is signed in. */
  absence: Absence;
  failure: SessionFailure | undefined;
  signIn: () => void;
}

/** Keeps the page visible: a drawer that a lost session removes would set `aria-hidden` later. */
function useNothingHidden() {
  useEffect(() => {
    const page = document.getElementById("page");
    if (!page) return undefined;
    const show = () => page.removeAttribute("aria-hidden");
    const observer = new MutationObserver(show);
    observer.observe(page, { attributeFilter: ["aria-hidden"] });
    show();
    return () => observer.disconnect();
  }, []);
}

export function SignedOut({ absence, failure, signIn }: SignedOutProps) {
  const { t } = useWords();
  useNothingHidden();
  return (
    <main>
      <h1 className="hidden">{t("title")}</h1>
      <State title={t(`signed_out.${absence}`)} hint={t("signed_out_hint")}>
        {failure && <p role="alert">{t(failure.word, { reason: failure.reason })}</p>}
        <Button appearance="primary" onClick={signIn}>
          {t(absence === "embedded" ? "retry" : "sign_in")}
        </Button>
      </State>
    </main>
  );
}

/** Replaces the page if its configuration is wrong or cannot be read now. */
export function NotStarted({ error, retry }: TroubleProps) {
  const { t } = useWords();
  const reason = error instanceof Error ? error.message : String(error);
  return (
    <main>
      <h1 className="hidden">{t("title")}</h1>
      {error instanceof Failure ? (
        <Trouble error={error} retry={retry} />
      ) : (
        <div role="alert">
          <State title={t("not_configured", { reason })} />
        </div>
      )}
    </main>
  );
}
