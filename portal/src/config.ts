// Where the page signs in and calls: `/config.json`, served beside it.

export interface Config {
  /** Issuer of the tokens; its discovery document says the rest. */
  issuer: string;
  /** The page's own id at the issuer. */
  client_id: string;
  /** What is asked for at sign-in. */
  scope: string;
  /** Base address of the API; absent when it is the page's own origin. */
  api?: string;
  /** Claim that holds the partner's id; `partner_id` when absent. */
  partner_claim?: string;
  /** Further parameters of the sign-in, such as an `audience`. */
  sign_in?: Record<string, string>;
}

export async function loadConfig(): Promise<Config> {
  const response = await fetch("/config.json");
  if (!response.ok) throw new Error(`/config.json: ${response.status}`);
  return (await response.json()) as Config;
}
