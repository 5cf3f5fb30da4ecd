// Where the page signs in and calls: `/config.json`, served beside it.

import { Failure, reach } from "./api/client";

export interface Config {
  /** Issuer of the tokens; its discovery document says the rest. */
  issuer: string;
  /** The page's own id at the issuer. */
  client_id: string;
  /** What is asked for at sign-in. */
  scope: string;
  /** Claim that holds the partner's id; `partner_id` when absent. */
  partner_claim?: string;
  /** Further parameters of the sign-in, such as an `audience`. */
  sign_in?: Record<string, string>;
}

/** Fails as `unreachable` when nobody answers now, and otherwise when nothing is configured. */
export async function loadConfig(): Promise<Config> {
  const response = await reach(new Request("/config.json"));
  if (response.status >= 500) throw new Failure("unreachable");
  if (!response.ok) throw new Error(`/config.json: ${response.status}`);
  return (await response.json()) as Config;
}
