import { OidcClient } from "oidc-client-ts";
import { expect, test } from "vitest";
import { signOutRequest } from "./sign_out";

const CLIENT = {
  client_id: "page",
  post_logout_redirect_uri: "https://page.example/",
};

async function sentParameters(id_token?: string) {
  const client = new OidcClient({
    ...CLIENT,
    authority: "https://issuer.example",
    redirect_uri: "https://page.example/",
    extraQueryParams: { audience: "api" },
    metadata: { end_session_endpoint: "https://issuer.example/logout" },
    stateStore: {
      set: async () => {},
      get: async () => null,
      remove: async () => null,
      getAllKeys: async () => [],
    },
  });
  const { post_logout_redirect_uri } = CLIENT;
  const request = await client.createSignoutRequest({
    post_logout_redirect_uri,
    ...signOutRequest(CLIENT, id_token),
  });
  const { searchParams } = new URL(request.url);
  searchParams.delete("state");
  return [...searchParams].sort();
}

test("signing out names client and page in the standard's way and in Cognito's", async () => {
  const client = ["client_id", "page"];
  const page = [
    ["logout_uri", "https://page.example/"],
    ["post_logout_redirect_uri", "https://page.example/"],
  ];
  expect(await sentParameters("id-token")).toEqual([
    client,
    ["id_token_hint", "id-token"],
    ...page,
  ]);
  expect(await sentParameters()).toEqual([client, ...page]);
});
