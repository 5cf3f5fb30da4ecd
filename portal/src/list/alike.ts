// Decides whether a list in an entry's details is a table, such as an order's line items.

import { isScalar } from "../api/exact";

export type Fields = Record<string, unknown>;

/** The most columns of a table; objects with more fields are shown one by one. */
export const COLUMNS_MAX = 20;

/** The columns of a list of objects with the same fields and without nested objects. */
export function columnsOf(items: unknown[]): string[] | undefined {
  if (!items.every(isFlat)) return undefined;
  const columns = [...new Set(items.flatMap((item) => Object.keys(item)))];
  return columns.length > 0 && columns.length <= COLUMNS_MAX ? columns : undefined;
}

function isFlat(item: unknown): item is Fields {
  if (isScalar(item) || Array.isArray(item)) return false;
  return Object.values(item as Fields).every(isScalar);
}
