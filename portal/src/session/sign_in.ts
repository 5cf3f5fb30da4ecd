// Signing in: OpenID Connect's code flow with PKCE.
//
// Tokens stay in memory. After a reload the page requests another one from the issuer,
// which still knows the person and asks nothing (`prompt=none`). Before a token ends, the
// page gets another one with the refresh token, or in a hidden frame with `prompt=none`.

import {
  ErrorResponse,
  InMemoryWebStorage,
  UserManager,
  WebStorageStateStore,
} from "oidc-client-ts";
import type { User } from "oidc-client-ts";
import type { Config } from "../config";
import { forgetKept } from "../kept";
import { Session } from "./session";
import type { Grant, SessionFailure } from "./session";
import { signOutRequest } from "./sign_out";

export class SignInSession extends Session {
  #manager: UserManager;
  #user: User | undefined;
  #partnerClaim: string;

  private constructor(config: Config) {
    super();
    this.#partnerClaim = config.partner_claim ?? "partner_id";
    this.#manager = new UserManager({
      authority: config.issuer,
      client_id: config.client_id,
      scope: config.scope,
      extraQueryParams: config.sign_in ?? {},
      redirect_uri: `${location.origin}/`,
      silent_redirect_uri: `${location.origin}/renewed.html`,
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
    const session = new SignInSession(config);
    const query = new URLSearchParams(location.search);
    if (query.has("state") && (query.has("code") || query.has("error"))) {
      await session.#comeBack();
      return session;
    }
    if (sessionStorage.getItem(SIGNED_OUT)) {
      session.absence = "left";
      return session;
    }
    return (await session.#redirect("none")) ? undefined : session;
  }

  async #comeBack() {
    let view: unknown;
    try {
      const user = await this.#manager.signinRedirectCallback();
      this.keep(this.#grantOf(user));
      view = user.state;
    } catch (error) {
      if (error instanceof ErrorResponse) view = error.state;
      if (!isNobodyThere(error)) this.failure = await signInFailure(error);
    }
    history.replaceState(null, "", `/${typeof view === "string" ? view : ""}`);
  }

  #grantOf(user: User): Grant {
    this.#user = user;
    const { sub, name, [this.#partnerClaim]: partner } = user.profile;
    return {
      token: user.access_token,
      endsAt: user.expires_at === undefined ? undefined : user.expires_at * 1_000,
      person: JSON.stringify([sub, partner]),
      name: name ?? sub,
      partner: typeof partner === "string" ? partner : undefined,
    };
  }

  protected override async requestGrant(): Promise<Grant> {
    const silently = async (forceIframeAuth: boolean) => {
      const user = await this.#manager.signinSilent({ forceIframeAuth });
      if (!user) throw new Error("the issuer gave no token");
      return this.#grantOf(user);
    };
    if (!this.#user?.refresh_token) return silently(true);
    // A refresh token may have ended although the issuer still knows the person.
    return silently(false).catch(() => silently(true));
  }

  /** Whether the browser is on its way to the issuer. */
  async #redirect(prompt?: "none"): Promise<boolean> {
    const state = location.search;
    try {
      await this.#manager.signinRedirect(prompt ? { state, prompt } : { state });
      return true;
    } catch (error) {
      this.fail(await signInFailure(error));
      return false;
    }
  }

  override signIn() {
    sessionStorage.removeItem(SIGNED_OUT);
    return this.#redirect();
  }

  /** Removes the log first: a browser keeps the page, and the Back button would show it again. */
  override signOut = async () => {
    sessionStorage.setItem(SIGNED_OUT, "true");
    const id_token = this.#user?.id_token;
    this.end();
    this.absence = "left";
    this.tell();
    forgetKept();
    try {
      await this.#manager.signoutRedirect(signOutRequest(this.#manager.settings, id_token));
    } catch (error) {
      this.fail({ word: "sign_out_failed", reason: reasonOf(error) });
    }
  };

  override end() {
    this.#user = undefined;
    void this.#manager.removeUser();
    super.end();
  }
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

/** The origin that the page's policy last forbade it to call. */
let blocked: string | undefined;

document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
  if (effectiveDirective === "connect-src") blocked = new URL(blockedURI).origin;
});

/** `fetch` throws a `TypeError` if there is no answer, or if the page's policy forbids the call. */
async function signInFailure(error: unknown): Promise<SessionFailure> {
  if (!(error instanceof TypeError)) return { word: "sign_in_failed", reason: reasonOf(error) };
  // The browser reports what the policy forbids in a task of its own.
  await new Promise((done) => setTimeout(done));
  if (blocked) return { word: "sign_in_blocked", reason: blocked };
  return { word: "sign_in_unreachable", reason: reasonOf(error) };
}

function isNobodyThere(error: unknown): boolean {
  return error instanceof ErrorResponse && NOBODY_THERE.includes(error.error ?? "");
}
