// Reads JSON so that a number that JavaScript would round keeps its digits.

/** The result of `JSON.rawJSON`, in browsers that have it. */
interface RawJson {
  rawJSON: string;
}

interface ExactJson {
  rawJSON?: (text: string) => RawJson;
  parse: (
    text: string,
    reviver: (key: string, value: unknown, context?: Source) => unknown,
  ) => unknown;
}

interface Source {
  source?: string;
}

const exact = JSON as ExactJson;

export function parseExactly(text: string): unknown {
  return exact.parse(text, (_, value, context) => {
    const source = context?.source;
    if (typeof value !== "number" || !source || String(value) === source) return value;
    return exact.rawJSON?.(source) ?? value;
  });
}

/** A scalar's text: for a number, the digits that were sent. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return JSON.stringify(value) ?? "";
}

export function isScalar(value: unknown): boolean {
  return value === null || typeof value !== "object" || isRaw(value);
}

function isRaw(value: object): value is RawJson {
  return "rawJSON" in value && Object.isFrozen(value) && Object.getPrototypeOf(value) === null;
}
