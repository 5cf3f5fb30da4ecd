// Calls to the service, typed by its contract, and the errors of these calls.

import createClient from "openapi-fetch";
import type { Client } from "openapi-fetch";
import type { components, paths } from "./openapi";

type Schemas = components["schemas"];
export type ListedActivity = Schemas["Activity"];
export type ActivityPage = Schemas["ActivityPage"];
export type Summary = Schemas["Summary"];
export type Outcome = Schemas["Outcome"];
export type NewExport = Schemas["NewExport"];
export type ListedExport = Schemas["Export"];
export type Api = Client<paths>;

type Kind =
  "signed_out" | "forbidden" | "unreachable" | "too_many_exports" | "not_sealed" | "problem";

/** A request that failed, classified by what the person can do. */
export class Failure extends Error {
  constructor(
    readonly kind: Kind,
    readonly detail?: string,
    readonly requestId?: string,
    readonly status?: number,
    /** When what was asked for is sealed at the latest. */
    readonly expectedBy?: string,
  ) {
    super(detail ?? kind);
  }

  /** Whether a retry may succeed a moment later. */
  get passes(): boolean {
    return this.kind === "unreachable" || this.status === 429 || (this.status ?? 0) >= 500;
  }
}

/** The session of the person who is signed in. */
export interface Signed {
  readonly token: string | undefined;
  /** Gets another token, without asking the person; false if there is none. */
  renew: () => Promise<boolean>;
}

export function connect(signed: Signed): Api {
  const api = createClient<paths>({ fetch: (request) => send(request, signed) });
  api.use({
    async onResponse({ response }) {
      if (!response.ok) throw await failure(response);
    },
  });
  return api;
}

/** Sends a request with the token, and again with a new one if the service refuses the first. */
async function send(request: Request, signed: Signed): Promise<Response> {
  const { token } = signed;
  const again = request.clone();
  const response = await reach(withToken(request, token));
  if (response.status !== 401) return response;
  const renewed = signed.token !== token || (await signed.renew());
  return renewed ? reach(withToken(again, signed.token)) : response;
}

function withToken(request: Request, token: string | undefined): Request {
  request.headers.set("authorization", `Bearer ${token ?? ""}`);
  return request;
}

/** `fetch`, which fails as `unreachable` if there is no answer. */
export async function reach(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Failure("unreachable");
  }
}

async function failure(response: Response): Promise<Failure> {
  const body = (await response.json().catch(() => ({}))) as Partial<Schemas["Problem"]>;
  const kinds: Partial<Record<string, Kind>> = {
    "401": "signed_out",
    "403": "forbidden",
    too_many_exports: "too_many_exports",
    not_sealed: "not_sealed",
  };
  const kind = kinds[body.code ?? ""] ?? kinds[response.status] ?? "problem";
  return new Failure(
    kind,
    body.detail,
    body.request_id,
    response.status,
    body.expected_by ?? undefined,
  );
}
