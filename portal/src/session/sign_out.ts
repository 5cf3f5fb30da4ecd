// What the page asks the issuer for when the user signs out.

import type { SignoutRedirectArgs } from "oidc-client-ts";

/** The page at the issuer, as in the settings of `UserManager`. */
interface Client {
  client_id: string;
  post_logout_redirect_uri?: string | undefined;
}

/**
 * The request by OpenID Connect's standard, and what Amazon Cognito wants: `client_id` and
 * `logout_uri`.
 *
 * The library adds `client_id` itself where there is no identity token. Issuers ignore
 * parameters that they do not know (RP-Initiated Logout 1.0, section 2).
 */
export function signOutRequest(client: Client, id_token?: string): SignoutRedirectArgs {
  const { client_id, post_logout_redirect_uri: logout_uri } = client;
  const page = logout_uri ? { logout_uri } : {};
  return id_token
    ? { id_token_hint: id_token, extraQueryParams: { client_id, ...page } }
    : { extraQueryParams: page };
}
