// Records COUNT activities with the TypeScript client, and prints their ids.
// API is the emulator's address, HOST the API's name there, which no DNS knows.

import https from "node:https";
import tls from "node:tls";
import { Client, newActivity } from "../../client-typescript/dist/index.js";

const { API: url, HOST: host, TOKEN: token, COUNT: count } = process.env;

/** As `fetch`, which can't send another host than that of the address. */
function fetchOfHost(address, { method, headers, body }) {
  return new Promise((resolve, reject) => {
    const options = {
      method,
      headers: { ...Object.fromEntries(headers), host },
      // The certificate is that of the address, too.
      servername: "",
      checkServerIdentity: (_, certificate) => tls.checkServerIdentity(new URL(url).hostname, certificate),
    };
    const request = https.request(address, options, async (answer) => {
      const chunks = await Array.fromAsync(answer);
      resolve(new Response(Buffer.concat(chunks), { status: answer.statusCode }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

const client = new Client(url, token, { fetch: fetchOfHost });
const fields = {
  action: "create_order",
  outcome: "succeeded",
  customer: { id: "c-1", name: "Relecloud" },
  actor: { id: "u-17", name: "admin@contoso.example", kind: "user" },
};
const activities = Array.from({ length: Number(count) }, () => newActivity(fields));
for (const { activity } of await client.recordMany(activities)) {
  console.log(activity.id);
}
