// Where the token comes from that each request carries; no error shows it.

import { Unavailable } from "./error.js";
import { timed } from "./time.js";

/** How long before its end a token is renewed. */
const RENEWED_BEFORE_MS = 60_000;

/** How long a token lives whose issuer does not say so. */
const LIFE_DEFAULT_S = 300;

/** The longest life of a token that is believed. */
const LIFE_MAX_S = 86_400;

/** How long an issuer may take. */
const ISSUER_TIME_MAX_MS = 40_000;

/** A token, and for how long it is valid. */
export interface IssuedToken {
  token: string;
  /** After so many milliseconds it is no longer valid; a minute before, another one is got. */
  validMs: number;
}

/**
 * A token, for as long as it is valid; or what gets one.
 *
 * What it returns is kept until a request is answered with 401, or until a minute before the
 * end that it names.
 */
export type Token = string | (() => Promise<string | IssuedToken>);

/** A client of an issuer of tokens. */
export interface ClientCredentials {
  /** The issuer's token endpoint. */
  url: string;
  clientId: string;
  clientSecret: string;
  /** The scope, if the issuer needs one. */
  scope?: string;
}

/** Gets tokens by the client-credentials flow of OAuth 2 (RFC 6749, section 4.4). */
export function clientCredentials(credentials: ClientCredentials): () => Promise<IssuedToken> {
  return () => timed(ISSUER_TIME_MAX_MS, undefined, (signal) => ask(credentials, signal));
}

async function ask(credentials: ClientCredentials, signal: AbortSignal): Promise<IssuedToken> {
  const { url, clientId, clientSecret, scope } = credentials;
  const body = new URLSearchParams({ grant_type: "client_credentials" });
  if (scope !== undefined) {
    body.set("scope", scope);
  }
  const authorization = `Basic ${btoa(byteString(`${clientId}:${clientSecret}`))}`;
  const request = { method: "POST", headers: { authorization }, body, signal };
  const answer = await fetch(url, request).catch((error: unknown) => {
    throw new Unavailable(error);
  });
  const text = await answer.text().catch((error: unknown) => {
    throw new Unavailable(error);
  });
  if (answer.status === 429 || answer.status >= 500) {
    throw new Unavailable(new Error(`the issuer answered ${answer.status}`));
  }
  if (!answer.ok) {
    throw new Error(`no token: the issuer answered ${answer.status}`);
  }
  return issued(text);
}

function issued(text: string): IssuedToken {
  try {
    const { access_token: token, expires_in } = JSON.parse(text) as Record<string, unknown>;
    if (typeof token === "string") {
      // Some issuers write a text.
      const seconds = Number(expires_in ?? LIFE_DEFAULT_S);
      const life = seconds >= 0 ? Math.min(seconds, LIFE_MAX_S) : LIFE_DEFAULT_S;
      return { token, validMs: life * 1_000 };
    }
  } catch {
    // The message of the parser would show a part of the answer.
  }
  throw new Error("no token: the issuer's answer has no access_token");
}

/** The token of now. */
export class TokenKeeper {
  readonly #source: Token;
  /** The one that is kept, or is being got by whoever asked first. */
  #kept: Promise<{ token: string; renewedFrom: number }> | undefined;

  constructor(source: Token) {
    this.#source = source;
  }

  /** The token for a request. */
  async token(): Promise<string> {
    if (typeof this.#source === "string") {
      return this.#source;
    }
    const kept = this.#kept;
    if (kept && performance.now() < (await kept).renewedFrom) {
      return (await kept).token;
    }
    // Another request may have asked for a new one meanwhile.
    if (this.#kept === kept) {
      this.#kept = undefined;
    }
    this.#kept ??= this.#get(this.#source);
    return (await this.#kept).token;
  }

  /** Forgets a token that was refused; returns whether another one may be given. */
  async forget(refused: string): Promise<boolean> {
    const kept = this.#kept;
    const token = (await kept?.catch(() => undefined))?.token;
    if (token === refused && this.#kept === kept) {
      this.#kept = undefined;
    }
    return typeof this.#source !== "string";
  }

  #get(source: () => Promise<string | IssuedToken>) {
    const kept = source().then((given) => {
      const { token, validMs } =
        typeof given === "string" ? { token: given, validMs: Infinity } : given;
      return { token, renewedFrom: performance.now() + validMs - RENEWED_BEFORE_MS };
    });
    kept.catch(() => {
      if (this.#kept === kept) {
        this.#kept = undefined;
      }
    });
    return kept;
  }
}

/** A text whose characters are the bytes of its UTF-8, as headers need it. */
export function byteString(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}
