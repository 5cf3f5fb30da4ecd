// Why a request did not do what it was to do.

import type { FieldError } from "./activity.js";
import type { components } from "./contract.js";

type Problem = components["schemas"]["Problem"];

/** The service refuses the request; to repeat it does not help. */
export class Refused extends Error {
  override readonly name = "Refused";
  /** The HTTP status. */
  readonly status: number;
  /** The kind of refusal; absent in those of the gateway. */
  readonly code: string | undefined;
  /** What is wrong, in words. */
  readonly detail: string | undefined;
  /** What is wrong with which field. */
  readonly errors: FieldError[];
  /** What the operator finds in the service's log. */
  readonly requestId: string | undefined;

  /** @internal */
  constructor(status: number, problem: Problem = {}) {
    const { code, detail = problem.message, request_id } = problem;
    const errors = Array.isArray(problem.errors) ? problem.errors : [];
    const fields = errors.map(({ field, reason }) => `${field} ${reason}`).join("; ");
    const reason = fields || detail;
    super(`refused with ${status}${reason ? `: ${reason}` : ""}`);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.errors = errors;
    this.requestId = request_id;
  }
}

/**
 * The service was throttled or did not answer, also when the request was repeated.
 *
 * What the request was to do may have been done. `cause` is what came instead of an answer.
 */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
  /** How many seconds the service asks to wait. */
  readonly retryAfterSeconds: number | undefined;

  /** @internal */
  constructor(cause: unknown, retryAfterSeconds?: number) {
    super(`the service gave no answer: ${reasons(cause)}`, { cause });
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/**
 * Whether the service itself has looked at what was sent and refuses it.
 *
 * A wrong address, a missing right or what stands between the service and its clients may
 * change; what was sent does not.
 */
export function isAboutContent(error: unknown): error is Refused {
  return error instanceof Refused && !!error.code && [400, 413, 422].includes(error.status);
}

/** An error's message, and those of its causes: `fetch failed` alone says nothing. */
export function reasons(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const { code } = error as { code?: unknown };
  const message = error.message || String(code ?? error.name);
  return error.cause === undefined ? message : `${message}: ${reasons(error.cause)}`;
}
