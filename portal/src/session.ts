// Signing in: OpenID Connect's code flow with PKCE.
//
// The token stays in memory. After a reload the page requests another one from the
// issuer, which still knows the person and asks nothing (`prompt=none`).

import {
  ErrorResponse,
  InMemoryWebStorage,
  UserManager,
  WebStorageStateStore,
} from "oidc-client-ts";
import type { User } from "oidc-client-ts";
import type { Config } from "./config";
import { signOutRequest } from "./sign_out";

export interface SessionFailure {
  word: "sign_in_failed" | "sign_in_unreachable" | "sign_out_failed";
  reason: string;
}

export class Session {
  #manager: UserManager;
  #user: User | undefined;
  #partnerClaim: string;
  #listeners = new Set<() => void>();

  /** What went wrong with signing in or out, if anything did. */
  failure: SessionFailure | undefined;

  private constructor(config: Config) {
    this.#partnerClaim = config.partner_claim ?? "partner_id";
    this.#manager = new UserManager({
      authority: config.issuer,
      client_id: config.client_id,
      scope: config.scope,
      extraQueryParams: config.sign_in ?? {},
      redirect_uri: `${location.origin}/`,
      post_logout_redirect_uri: `${location.origin}/`,
      userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
      // It only holds the code's verifier, while the browser is at the issuer.
      stateStore: new WebStorageStateStore({ store: sessionStorage }),
      automaticSilentRenew: false,
      monitorSession: false,
    });
  }

  /** A session; none if the browser is on its way to the issuer. */
  static async start(config: Config): Promise<Session | undefined> {
    const session = new Session(config);
    const query = new URLSearchParams(location.search);
    if (query.has("state") && (query.has("code") || query.has("error"))) {
      await session.#comeBack();
      return session;
    }
    if (sessionStorage.getItem(SIGNED_OUT)) return session;
    return (await session.#redirect("none")) ? undefined : session;
  }

  async #comeBack() {
    let view: unknown;
    try {
      this.#user = await this.#manager.signinRedirectCallback();
      view = this.#user.state;
    } catch (error) {
      if (error instanceof ErrorResponse) view = error.state;
      if (!isNobodyThere(error)) this.failure = signInFailure(error);
    }
    history.replaceState(null, "", `/${typeof view === "string" ? view : ""}`);
  }

  /** Whether the browser is on its way to the issuer. */
  async #redirect(prompt?: "none"): Promise<boolean> {
    const state = location.search;
    try {
      await this.#manager.signinRedirect(prompt ? { state, prompt } : { state });
      return true;
    } catch (error) {
      this.#fail(signInFailure(error));
      return false;
    }
  }

  #fail(failure: SessionFailure) {
    this.failure = failure;
    this.#tell();
  }

  #tell() {
    for (const listener of this.#listeners) listener();
  }

  get token(): string | undefined {
    return this.#user?.access_token;
  }

  get name(): string | undefined {
    return this.#user?.profile.name ?? this.#user?.profile.sub;
  }

  get partner(): string | undefined {
    const partner = this.#user?.profile[this.#partnerClaim];
    return typeof partner === "string" ? partner : undefined;
  }

  signIn() {
    sessionStorage.removeItem(SIGNED_OUT);
    return this.#redirect();
  }

  /** Removes the log first: a browser keeps the page, and the Back button would show it again. */
  async signOut() {
    sessionStorage.setItem(SIGNED_OUT, "true");
    const id_token = this.#user?.id_token;
    this.end();
    try {
      await this.#manager.signoutRedirect(signOutRequest(this.#manager.settings, id_token));
    } catch (error) {
      this.#fail({ word: "sign_out_failed", reason: reasonOf(error) });
    }
  }

  /** Ends the session, also when the service no longer accepts the token. */
  end = () => {
    this.#user = undefined;
    void this.#manager.removeUser();
    this.#tell();
  };

  subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

/** Set after signing out on purpose, so that a reload does not sign in again. */
const SIGNED_OUT = "signed_out";

/** The issuer's errors if it would have to ask the person (OpenID Connect Core, 3.1.2.6). */
const NOBODY_THERE = [
  "login_required",
  "interaction_required",
  "account_selection_required",
  "consent_required",
];

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `fetch` throws a `TypeError` if there is no answer. */
function signInFailure(error: unknown): SessionFailure {
  const word = error instanceof TypeError ? "sign_in_unreachable" : "sign_in_failed";
  return { word, reason: reasonOf(error) };
}

function isNobodyThere(error: unknown): boolean {
  return error instanceof ErrorResponse && NOBODY_THERE.includes(error.error ?? "");
}
