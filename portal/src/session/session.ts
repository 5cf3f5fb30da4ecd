// A person's session: its token, how long the token lives, and when it is renewed.
//
// Where tokens come from is in `sign_in.ts` and `embedded.ts`.

/** A token, and whom it is for. */
export interface Grant {
  token: string;
  /** When the token ends, as a time of this browser's clock; absent if nobody said so. */
  endsAt: number | undefined;
  /** Differs between people, and between partners of one person. */
  person: string;
  name?: string | undefined;
  partner?: string | undefined;
}

export interface SessionFailure {
  word: "sign_in_failed" | "sign_in_unreachable" | "sign_in_blocked" | "sign_out_failed";
  reason: string;
}

/** Why nobody is signed in: nobody was, somebody signed out, the session ended, or the portal is silent. */
export type Absence = "first" | "left" | "ended" | "embedded";

/** How long before its end a token is renewed; of a short life it is the last quarter. */
const MARGIN_MS = 300_000;

const CHECK_MS = 5_000;

/** How long after a renewal that failed another one is tried. */
const RETRY_MS = 60_000;

export abstract class Session {
  #grant: Grant | undefined;
  #margin = MARGIN_MS;
  #renewal: Promise<boolean> | undefined;
  #triedAt = -Infinity;
  #timer: number | undefined;
  #listeners = new Set<() => void>();

  absence: Absence = "first";

  /** What went wrong with signing in or out, if anything did. */
  failure: SessionFailure | undefined;

  /** In how many minutes the session ends; only known while it cannot be renewed. */
  endsIn: number | undefined;

  /** A new token for the same person, who is not asked. */
  protected abstract requestGrant(): Promise<Grant>;

  /** Asks the person; usually that leaves the page. */
  abstract signIn(): Promise<unknown>;

  /** Absent where somebody else signs out. */
  readonly signOut?: () => Promise<void>;

  get token(): string | undefined {
    return this.#grant?.token;
  }

  get person(): string | undefined {
    return this.#grant?.person;
  }

  get name(): string | undefined {
    return this.#grant?.name;
  }

  get partner(): string | undefined {
    return this.#grant?.partner;
  }

  /** Returns whether there is a new token; whoever asks meanwhile gets the same answer. */
  renew(): Promise<boolean> {
    this.#renewal ??= this.#renew().finally(() => (this.#renewal = undefined));
    return this.#renewal;
  }

  async #renew(): Promise<boolean> {
    const before = this.#grant;
    if (!before) return false;
    this.#triedAt = Date.now();
    try {
      const grant = await this.requestGrant();
      // Somebody may have signed out meanwhile.
      if (this.#grant === before) this.keep(grant);
      return this.#grant !== undefined;
    } catch {
      return false;
    }
  }

  protected keep(grant: Grant) {
    this.#grant = grant;
    this.#margin = Math.min(MARGIN_MS, ((grant.endsAt ?? Infinity) - Date.now()) / 4);
    this.endsIn = undefined;
    clearInterval(this.#timer);
    this.#timer = window.setInterval(() => void this.#check(), CHECK_MS);
    this.tell();
  }

  async #check() {
    const { endsAt } = this.#grant ?? {};
    if (endsAt === undefined || this.#renewal || !navigator.onLine) return;
    const left = () => endsAt - Date.now();
    const isDue = left() <= this.#margin && Date.now() - this.#triedAt >= RETRY_MS;
    if (isDue || left() <= 0) await this.renew();
    // The token is another one after a renewal.
    if (this.#grant?.endsAt !== endsAt || left() > this.#margin) return;
    if (left() <= 0) return this.end();
    this.endsIn = Math.ceil(left() / 60_000);
    this.tell();
  }

  /** Ends the session, also when the service no longer accepts the token. */
  end() {
    if (this.#grant) this.absence = "ended";
    this.#grant = undefined;
    this.endsIn = undefined;
    clearInterval(this.#timer);
    this.tell();
  }

  protected fail(failure: SessionFailure) {
    this.failure = failure;
    this.tell();
  }

  protected tell() {
    for (const listener of this.#listeners) listener();
  }

  subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}
