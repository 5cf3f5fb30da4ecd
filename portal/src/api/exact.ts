// Reads and writes JSON so that each number keeps the characters that were sent.
//
// JavaScript's own numbers would round them and would write `1.0` as `1`. So before
// reading, each number becomes an object with its text, and is written back as it was.

/** Nobody can know it, so no text in the details can look like a number that was marked. */
const MARK = crypto.randomUUID();

/** A text, which may hold digits, or a number: what else is in JSON has no digits. */
const TEXT_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

const MARKED = new RegExp(`"${MARK}([^"]*)"`, "g");

/** A number as it was sent. */
export class ExactNumber {
  constructor(readonly text: string) {}

  toJSON(): string {
    return MARK + this.text;
  }
}

export function parseExactly(json: string): unknown {
  const marked = json.replace(TEXT_OR_NUMBER, (token) =>
    token.startsWith('"') ? token : `"${MARK}${token}"`,
  );
  return JSON.parse(marked, (_, value: unknown) =>
    typeof value === "string" && value.startsWith(MARK)
      ? new ExactNumber(value.slice(MARK.length))
      : value,
  );
}

/** JSON with a line for each value. */
export function stringifyExactly(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(MARKED, (_, text: string) => text);
}

/** A scalar's text: for a number, the characters that were sent. */
export function textOf(value: unknown): string {
  if (value instanceof ExactNumber) return value.text;
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function isScalar(value: unknown): boolean {
  return value === null || typeof value !== "object" || value instanceof ExactNumber;
}
