// The session of a page that the portal shows in a frame: the portal gives the token.
//
// The two talk by `postMessage`. The page reads messages of one origin alone, which its
// configuration names, and only from the window around it; it sends to that origin alone.
// The token is in memory only.

import type { Config } from "../config";
import { Session } from "./session";
import type { Grant } from "./session";

/** What the page says when it needs a token: at its start, and before a token ends. */
const WANTED = "activity-log:token-wanted";

/** What the portal says when it gives one, also without being asked. */
const GIVEN = "activity-log:token";

/** How long the portal has to answer. */
const ANSWER_MS = 10_000;

interface Given {
  type: typeof GIVEN;
  access_token: string;
  /** Seconds until the token ends. */
  expires_in?: number;
}

export function isFramed(): boolean {
  return window.parent !== window;
}

export class EmbeddedSession extends Session {
  #portal: string;
  #partnerClaim: string;
  #waiting = new Set<(grant: Grant) => void>();

  private constructor(portal: string, partnerClaim: string) {
    super();
    this.#portal = portal;
    this.#partnerClaim = partnerClaim;
    this.absence = "embedded";
    addEventListener("message", this.#hear);
  }

  /** A session, after the portal has answered or has been silent for too long. */
  static async start({ frame_ancestors, partner_claim }: Config): Promise<Session> {
    if (!frame_ancestors?.startsWith("http")) throw new Error("no portal may show it in a frame");
    // As a browser writes origins: in lower case, without the usual port.
    const portal = new URL(frame_ancestors).origin;
    const session = new EmbeddedSession(portal, partner_claim ?? "partner_id");
    await session.signIn();
    return session;
  }

  #hear = ({ origin, source, data }: MessageEvent<unknown>) => {
    if (origin !== this.#portal || source !== window.parent || !isGiven(data)) return;
    const grant = grantOf(data, this.#partnerClaim);
    // Somebody who waits keeps it: `renew` decides whether it is still wanted.
    if (this.#waiting.size === 0) this.keep(grant);
    for (const resolve of this.#waiting) resolve(grant);
    this.#waiting.clear();
  };

  protected override requestGrant(): Promise<Grant> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(resolve);
      setTimeout(() => {
        this.#waiting.delete(resolve);
        reject(new Error("the portal does not answer"));
      }, ANSWER_MS);
      window.parent.postMessage({ type: WANTED }, this.#portal);
    });
  }

  override end() {
    super.end();
    this.absence = "embedded";
    this.tell();
  }

  /** Asks the portal again; the person is asked by the portal, if at all. */
  override async signIn() {
    try {
      this.keep(await this.requestGrant());
    } catch {
      this.tell();
    }
  }
}

function isGiven(data: unknown): data is Given {
  if (typeof data !== "object" || data === null) return false;
  const { type, access_token } = data as Partial<Given>;
  return type === GIVEN && typeof access_token === "string";
}

function grantOf({ access_token, expires_in }: Given, partnerClaim: string): Grant {
  return {
    token: access_token,
    endsAt: typeof expires_in === "number" ? Date.now() + expires_in * 1_000 : undefined,
    person: personOf(access_token, partnerClaim),
  };
}

/** Tells whether a new token is another person's; a token that cannot be read is always another's. */
function personOf(token: string, partnerClaim: string): string {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const claims = JSON.parse(atob(payload)) as Record<string, unknown>;
    return JSON.stringify([claims["sub"], claims[partnerClaim]]);
  } catch {
    return token;
  }
}
