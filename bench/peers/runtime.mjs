// Lambda's loop for Node.js, with one connection that is kept open.
//
// AWS's own one does the same with a client in C++.

import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const prefix = "/2018-06-01/runtime/invocation";

function send(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const sent = request({ agent, host, port, method, path: prefix + path, headers }, async (response) => {
      resolve({ headers: response.headers, body: await text(response) });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

export async function serve(handler) {
  for (;;) {
    const { headers, body } = await send("GET", "/next");
    const call = headers["lambda-runtime-aws-request-id"];
    try {
      await send("POST", `/${call}/response`, JSON.stringify(await handler(JSON.parse(body))));
    } catch (error) {
      const { name: errorType, message: errorMessage } = error;
      await send("POST", `/${call}/error`, JSON.stringify({ errorType, errorMessage }));
    }
  }
}
