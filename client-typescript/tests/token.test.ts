import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Client, clientCredentials, Refused, Unavailable } from "../src/index.js";
import { FAST, reply, serve } from "./server.js";

/** A service that takes one token, and counts the requests with others. */
async function taking(accepted: () => string) {
  const seen: (string | undefined)[] = [];
  const base = await serve(({ headers }, response) => {
    seen.push(headers.authorization);
    const isValid = headers.authorization === `Bearer ${accepted()}`;
    reply(response, isValid ? 200 : 401, isValid ? { id: "a" } : { message: "Unauthorized" });
  });
  return { base, seen };
}

test("a function is called again after a 401, and only then, and once for all who wait", async () => {
  let issued = 0;
  let accepted = "t1";
  const { base, seen } = await taking(() => accepted);
  const client = new Client(base, async () => `t${(issued += 1)}`);
  await client.get("a");
  await client.get("a");
  assert.equal(issued, 1);
  accepted = "t2";
  await Promise.all([client.get("a"), client.get("a"), client.get("a")]);
  assert.equal(issued, 2);
  assert(seen.length >= 6);
});

test("a second 401 is a refusal", async () => {
  const { base, seen } = await taking(() => "never");
  await assert.rejects(new Client(base, async () => "other").get("a"), { status: 401 });
  assert.equal(seen.length, 2);
  await assert.rejects(new Client(base, "fixed").get("a"), Refused);
  assert.equal(seen.length, 3);
});

test("a token that a header can't have is not shown", async () => {
  const base = await serve(() => assert.fail("it was sent"));
  await assert.rejects(new Client(base, "secret\n").get("a"), (error: Error) => {
    return !error.message.includes("secret") && error.message.includes("token has a character");
  });
});

test("a source that fails is asked again by the next request", async () => {
  let calls = 0;
  const { base } = await taking(() => "t");
  const client = new Client(base, async () => {
    calls += 1;
    if (calls === 1) {
      throw new Error("no network");
    }
    return "t";
  });
  await assert.rejects(client.get("a"), /^Error: no network$/);
  assert.equal((await client.get("a")).id, "a");
});

test("client credentials are renewed a minute before the token ends", async () => {
  let issued = 0;
  const url = await serve(({ body, headers }, response) => {
    assert.equal(body, "grant_type=client_credentials&scope=log");
    assert.equal(headers.authorization, `Basic ${btoa("portal:secret")}`);
    issued += 1;
    // The first one is to be renewed at once, the second one in an hour; that one is a text.
    const expires_in = issued === 1 ? 60 : "3660";
    reply(response, 200, { access_token: `t${issued}`, expires_in });
  });
  const { base, seen } = await taking(() => `t${issued}`);
  const source = { url, clientId: "portal", clientSecret: "secret", scope: "log" }; // pragma: allowlist secret
  const client = new Client(base, clientCredentials(source));
  for (let times = 0; times < 3; times += 1) {
    await client.get("a");
  }
  assert.deepEqual(seen, ["Bearer t1", "Bearer t2", "Bearer t2"]);
});

test("an issuer that is busy is asked again, and one that refuses is not", async () => {
  let calls = 0;
  const url = await serve((_, response) => {
    calls += 1;
    reply(response, calls < 3 ? 503 : 400, { error: "invalid_client" });
  });
  const source = clientCredentials({ url, clientId: "portal", clientSecret: "secret" });
  const { base } = await taking(() => "t");
  const client = new Client(base, source, { retries: FAST });
  await assert.rejects(client.get("a"), /^Error: no token: the issuer answered 400$/);
  assert.equal(calls, 3);
  await assert.rejects(
    new Client(
      base,
      clientCredentials({ url: "http://127.0.0.1:1", clientId: "", clientSecret: "" }),
      {
        retries: { ...FAST, count: 0 },
      },
    ).get("a"),
    Unavailable,
  );
});
