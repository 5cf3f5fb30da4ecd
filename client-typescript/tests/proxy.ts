// Stands between a client and the service, and fails as networks and gateways do.

import type { ServerResponse } from "node:http";
import { type Asked, reply, serve } from "./server.js";

/** What a proxy does to each request. */
export interface Proxy {
  base: string;
  /** How many of a hundred requests fail. */
  failing: number;
  /** How often each fault came. */
  faults: Record<Fault, number>;
}

type Fault = "throttled" | "unavailable" | "lost" | "answerLost";

/** Starts a proxy of a service; the same seed makes the same faults. */
export async function proxyOf(service: string, seed: number): Promise<Proxy> {
  let state = seed;
  const dice = (sides: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
  const faults = { throttled: 0, unavailable: 0, lost: 0, answerLost: 0 };
  const names = Object.keys(faults) as Fault[];
  const base = await serve(async (asked, response) => {
    const fault = dice(100) < proxy.failing ? names[dice(names.length)] : undefined;
    if (fault) {
      faults[fault] += 1;
    }
    await FAULTS[fault ?? "none"](service, asked, response);
  });
  const proxy: Proxy = { base, failing: 60, faults };
  return proxy;
}

type Act = (service: string, asked: Asked, response: ServerResponse) => Promise<void>;

const FAULTS: Record<Fault | "none", Act> = {
  async throttled(_service, _asked, response) {
    reply(response, 429, { message: "Too Many Requests" }, { "retry-after": "0" });
  },
  async unavailable(_service, _asked, response) {
    reply(response, 503, { code: "unavailable" }, { "retry-after": "0" });
  },
  async lost(_service, _asked, response) {
    response.destroy();
  },
  async answerLost(service, asked, response) {
    await passedOn(service, asked);
    response.destroy();
  },
  async none(service, asked, response) {
    const answer = await passedOn(service, asked);
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
    response.end(Buffer.from(await answer.arrayBuffer()));
  },
};

function passedOn(service: string, { method, url, headers, body }: Asked): Promise<Response> {
  const kept = ["authorization", "content-type", "idempotency-key", "prefer"].flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [[name, String(value)] as [string, string]];
  });
  const request = { method, headers: kept };
  return fetch(service + url, method === "GET" ? request : { ...request, body });
}
