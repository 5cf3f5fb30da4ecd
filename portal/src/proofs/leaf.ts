// What is hashed of an entry: the canonical JSON of its public part, with a commitment.

import { ExactNumber } from "../api/exact";
import { sha256, toHex, utf8 } from "./bytes";
import type { Bytes } from "./bytes";

type Members = Record<string, unknown>;

/** Members that are not hashed: they change, or follow from others. */
const LEFT_OUT = ["details", "erased_at", "has_details", "links"];

/** RFC 8785, but that a number keeps the characters that were sent. */
export function canonical(value: unknown): string {
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value as Members);
  // The default order of texts is that of their UTF-16 code units.
  const names = members.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${names.map(([name, own]) => `${JSON.stringify(name)}:${canonical(own)}`).join(",")}}`;
}

/** The hexadecimal hash of a salt, the customer's name and the details. */
export async function commitment(activity: Members, salt: Bytes): Promise<string> {
  const { customer, details } = activity;
  const hidden = {
    ...(isObject(customer) && { customer_name: customer["name"] }),
    ...("details" in activity && { details }),
  };
  return toHex(await sha256(salt, utf8(canonical(hidden))));
}

/** The leaf of an activity as the service answers it. */
export function leafOf(activity: Members, hidden: string): string {
  const own = Object.entries(activity).filter(([name]) => !LEFT_OUT.includes(name));
  const shown = own.map(([name, value]) => [name, name === "customer" ? nameless(value) : value]);
  return canonical({ ...Object.fromEntries(shown), hidden });
}

function nameless(customer: unknown): unknown {
  if (!isObject(customer)) return customer;
  return Object.fromEntries(Object.entries(customer).filter(([name]) => name !== "name"));
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
