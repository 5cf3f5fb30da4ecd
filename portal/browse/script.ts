// Answers of the service that a test writes itself, one for each request.

import type { Page, Request } from "@playwright/test";

type Answer = { json: unknown; status?: number };

export interface Script {
  /** The queries of the requests so far. */
  asked: () => URLSearchParams[];
  /** Answers the next request, which may not have been sent yet. */
  answer: (...answers: Answer[]) => void;
}

/** Answers requests in their order; one without an answer waits for it. */
export async function script(page: Page, path: string): Promise<Script> {
  const asked: Request[] = [];
  const ready: Answer[] = [];
  const waiting: ((answer: Answer) => void)[] = [];
  await page.route(path, async (route, request) => {
    asked.push(request);
    const given = ready.shift();
    const answer = given ?? (await new Promise<Answer>((done) => waiting.push(done)));
    await route.fulfill(answer);
  });
  return {
    asked: () => asked.map((request) => new URL(request.url()).searchParams),
    answer(...answers) {
      for (const answer of answers) {
        const next = waiting.shift();
        if (next) next(answer);
        else ready.push(answer);
      }
    },
  };
}
