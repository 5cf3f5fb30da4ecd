// The page's settings for sign-in, from `/config.json`, which is served beside it.

import { Failure, reach } from "./api/client";

export interface Config {
  /** Issuer of the tokens; its discovery document has the other addresses. */
  issuer: string;
  /** The page's own id at the issuer. */
  client_id: string;
  /** The scope that the page requests at sign-in. */
  scope: string;
  /** Claim that holds the partner's id; `partner_id` when absent. */
  partner_claim?: string;
  /** The origin of the portal that may show the page in a frame; `'none'` if there is none. */
  frame_ancestors?: string;
  /** Further parameters of the sign-in, such as an `audience`. */
  sign_in?: Record<string, string>;
}

/** Fails as `unreachable` if there is no answer, and otherwise if nothing is configured. */
export async function loadConfig(): Promise<Config> {
  const response = await reach(new Request("/config.json"));
  if (response.status >= 500) throw new Failure("unreachable");
  if (!response.ok) throw new Error(`/config.json: ${response.status}`);
  return (await response.json()) as Config;
}
