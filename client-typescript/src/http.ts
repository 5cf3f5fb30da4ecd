// Sends requests and judges their answers.

import { Refused, Unavailable } from "./error.js";
import { RETRIES, repeated, type Retries } from "./retries.js";
import { type CallOptions, timed } from "./time.js";
import { byteString, type Token, TokenKeeper } from "./token.js";

/** How a client behaves. */
export interface ClientOptions {
  /** How requests are repeated. */
  retries?: Partial<Retries>;
  /** How many milliseconds an answer may take; default 40,000, as the gateway gives up after 30 s. */
  timeoutMs?: number;
  /** What sends requests; default `fetch`. */
  fetch?: typeof fetch;
}

/** A request that may be sent several times. */
export interface Request {
  method?: "GET" | "POST";
  /** The path, with a query. */
  path: string;
  headers?: Record<string, string>;
  /** JSON. */
  body?: string;
}

/** Sends requests to one service, with one token's rights. */
export class Http {
  readonly retries: Retries;
  readonly #base: string;
  readonly #tokens: TokenKeeper;
  readonly #timeoutMs: number;
  readonly #fetch: typeof fetch;

  constructor(base: string, token: Token, options: ClientOptions) {
    if (!/^https?:\/\//.test(base) || !URL.canParse(base)) {
      throw new TypeError(`${base} must be an address such as https://api.example`);
    }
    this.#base = base.replace(/\/+$/, "");
    this.#tokens = new TokenKeeper(token);
    this.retries = { ...RETRIES, ...options.retries };
    this.#timeoutMs = options.timeoutMs ?? 40_000;
    // Browsers refuse a `fetch` that is called as a method of something else.
    this.#fetch = options.fetch ?? ((...request) => fetch(...request));
  }

  /** Sends a request until it is answered, and reads the answer. */
  json<T>(request: Request, { signal }: CallOptions): Promise<T> {
    return repeated(
      this.retries,
      signal,
      async () => (await this.attempt<T>(request, signal)).json,
    );
  }

  /** Sends a request once, or twice if its token was no longer valid, and reads the answer. */
  attempt<T>(request: Request, signal?: AbortSignal): Promise<{ status: number; json: T }> {
    return timed(this.#timeoutMs, signal, async (signal) => {
      const token = await this.#tokens.token();
      let answer = await this.#send(request, token, signal);
      if (answer.status === 401 && (await this.#tokens.forget(token))) {
        await answer.body?.cancel();
        answer = await this.#send(request, await this.#tokens.token(), signal);
      }
      await judge(answer);
      return { status: answer.status, json: parsed<T>(await answered(answer.text())) };
    });
  }

  /**
   * Reads what is behind a link from a byte on.
   *
   * The link itself is the right to read, so the token stays away from it.
   */
  linked(
    url: string,
    from: number,
    signal: AbortSignal | undefined,
    read: (answer: Response, isAlive: () => void) => Promise<void>,
  ): Promise<void> {
    return timed(this.#timeoutMs, signal, async (signal, isAlive) => {
      const headers = { range: `bytes=${from}-` };
      const answer = await answered(this.#fetch(url, { headers, signal }));
      if (answer.status === 403) {
        throw new Unavailable(new Error("the link has expired"));
      }
      await judge(answer);
      await read(answer, isAlive);
    });
  }

  #send(request: Request, token: string, signal: AbortSignal): Promise<Response> {
    if (!/^[\x21-\x7e]+$/.test(token)) {
      // Otherwise the error would show it.
      throw new Error("the token has a character that a header can't have");
    }
    const headers = new Headers({ authorization: `Bearer ${token}` });
    for (const [name, value] of Object.entries(request.headers ?? {})) {
      headers.set(name, byteString(value));
    }
    const { method = "GET", body } = request;
    if (body === undefined) {
      return answered(this.#fetch(this.#base + request.path, { method, headers, signal }));
    }
    headers.set("content-type", "application/json");
    return answered(this.#fetch(this.#base + request.path, { method, headers, body, signal }));
  }
}

/** Throws what an answer means that is no success. */
async function judge(answer: Response): Promise<void> {
  if (answer.ok) {
    return;
  }
  const { status } = answer;
  const refused = new Refused(status, problem(await answer.text().catch(() => "")));
  if (status === 408 || status === 429 || status >= 500) {
    const seconds = answer.headers.get("retry-after")?.trim() ?? "";
    throw new Unavailable(refused, /^\d+$/.test(seconds) ? Number(seconds) : undefined);
  }
  throw refused;
}

function problem(text: string): ConstructorParameters<typeof Refused>[1] {
  try {
    const said: unknown = JSON.parse(text);
    return typeof said === "object" && said !== null ? said : {};
  } catch {
    return {};
  }
}

/** What comes, or breaks off: then it may be whole the next time. */
export async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new Unavailable(error);
  }
}

function parsed<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new Error("the answer can't be read", { cause });
  }
}
