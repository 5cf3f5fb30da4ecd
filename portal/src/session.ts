// Signing in: OpenID Connect's code flow with PKCE.
//
// The token stays in memory. After a reload the issuer, which still knows the
// person, is asked for another one without a word (`prompt=none`).

import {
  ErrorResponse,
  InMemoryWebStorage,
  UserManager,
  WebStorageStateStore,
} from "oidc-client-ts";
import type { User } from "oidc-client-ts";
import type { Config } from "./config";

export class Session {
  #manager: UserManager;
  #user: User | undefined;
  #partnerClaim: string;
  #listeners = new Set<() => void>();

  /** Why signing in failed, if it did. */
  failure: string | undefined;

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
      // The code's verifier alone, for the moment at the issuer.
      stateStore: new WebStorageStateStore({ store: sessionStorage }),
      automaticSilentRenew: false,
      monitorSession: false,
    });
  }

  /** A session, or none when the browser is on its way to the issuer. */
  static async start(config: Config): Promise<Session | undefined> {
    const session = new Session(config);
    const query = new URLSearchParams(location.search);
    if (query.has("state") && (query.has("code") || query.has("error"))) {
      await session.#comeBack();
      return session;
    }
    if (sessionStorage.getItem(SIGNED_OUT)) return session;
    await session.#redirect("none");
    return undefined;
  }

  async #comeBack() {
    let view: unknown;
    try {
      this.#user = await this.#manager.signinRedirectCallback();
      view = this.#user.state;
    } catch (error) {
      if (error instanceof ErrorResponse) view = error.state;
      if (!isNobodyThere(error))
        this.failure = error instanceof Error ? error.message : String(error);
    }
    history.replaceState(null, "", `/${typeof view === "string" ? view : ""}`);
  }

  #redirect(prompt?: "none") {
    const state = location.search;
    return this.#manager.signinRedirect(prompt ? { state, prompt } : { state });
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

  async signOut() {
    sessionStorage.setItem(SIGNED_OUT, "true");
    await this.#manager.signoutRedirect();
  }

  /** The service no longer takes the token. */
  end = () => {
    this.#user = undefined;
    for (const listener of this.#listeners) listener();
  };

  subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

/** Set after signing out on purpose, so that a reload does not sign in again. */
const SIGNED_OUT = "signed_out";

/** The issuer's ways to say that it would have to ask the person (OpenID Connect Core, 3.1.2.6). */
const NOBODY_THERE = [
  "login_required",
  "interaction_required",
  "account_selection_required",
  "consent_required",
];

function isNobodyThere(error: unknown): boolean {
  return error instanceof ErrorResponse && NOBODY_THERE.includes(error.error ?? "");
}
