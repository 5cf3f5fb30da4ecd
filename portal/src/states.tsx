// What is shown instead of entries: trouble, and what to do about it.

import { Button } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { Failure } from "./api/client";
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

const TITLES: Partial<Record<Failure["kind"], [title: Word, hint: Word]>> = {
  forbidden: ["forbidden", "forbidden_hint"],
  unreachable: ["unreachable", "unreachable_hint"],
};

/** Why a request failed, its id, and a way to try again. */
export function Trouble({ error, retry }: { error: unknown; retry: () => void }) {
  const { t } = useWords();
  const failure = error instanceof Failure ? error : new Failure("problem", String(error));
  const refused = failure.status !== undefined && failure.status < 500;
  const [title, hint] = TITLES[failure.kind] ?? [refused ? "refused" : "failed", "failed_hint"];
  return (
    <div role="alert">
      <State
        title={t(title as Word)}
        hint={refused ? (failure.detail ?? t(hint as Word)) : t(hint as Word)}
      >
        {failure.requestId && (
          <p className="code quiet">{t("request_id", { id: failure.requestId })}</p>
        )}
        <Button onClick={retry}>{t("retry")}</Button>
      </State>
    </div>
  );
}

interface SignedOutProps {
  /** Why signing in failed, if it did. */
  failure: string | undefined;
  signIn: () => void;
}

export function SignedOut({ failure, signIn }: SignedOutProps) {
  const { t } = useWords();
  return (
    <main>
      <h1 className="hidden">{t("title")}</h1>
      <State title={t("signed_out")} hint={t("signed_out_hint")}>
        {failure && <p role="alert">{t("sign_in_failed", { reason: failure })}</p>}
        <Button appearance="primary" onClick={signIn}>
          {t("sign_in")}
        </Button>
      </State>
    </main>
  );
}

export function NotConfigured({ reason }: { reason: string }) {
  const { t } = useWords();
  return (
    <main role="alert">
      <h1 className="hidden">{t("title")}</h1>
      <State title={t("not_configured", { reason })} />
    </main>
  );
}
