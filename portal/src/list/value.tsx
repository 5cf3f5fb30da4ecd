// Shows a value of an entry's details as a structure.

import { isScalar, stringifyExactly, textOf } from "../api/exact";
import { useWords } from "../words/words";
import { columnsOf } from "./alike";
import type { Fields } from "./alike";
import { Folded, FoldedText } from "./folded";

/** How many rows and items are shown before a click shows the rest. */
const ITEMS_SHOWN = 10;

/** How many fields of an object are shown before a click shows the rest. */
const FIELDS_SHOWN = 20;

/** How deep a structure goes; deeper values are shown as JSON. */
const LEVELS = 6;

interface ValueProps {
  value: unknown;
  level?: number;
}

export function Value({ value, level = 0 }: ValueProps) {
  if (isScalar(value)) return <Scalar value={value} />;
  if (level > LEVELS) return <Json value={value} />;
  if (!Array.isArray(value)) return <Tree fields={value as Fields} level={level} />;
  const columns = columnsOf(value);
  if (columns) return <Table rows={value as Fields[]} columns={columns} />;
  return <Items items={value} level={level} />;
}

export function Json({ value }: { value: unknown }) {
  const { t } = useWords();
  return (
    <pre className="json" tabIndex={0} aria-label={t("json")}>
      {stringifyExactly(value)}
    </pre>
  );
}

function Scalar({ value }: { value: unknown }) {
  const { t } = useWords();
  if (value === null || value === "") return <Empty />;
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  return <FoldedText text={textOf(value)} />;
}

function Empty() {
  const { t } = useWords();
  return <span className="quiet">{t("empty_value")}</span>;
}

function Tree({ fields, level }: { fields: Fields; level: number }) {
  const entries = Object.entries(fields);
  if (entries.length === 0) return <Empty />;
  return (
    <Folded items={entries} most={FIELDS_SHOWN}>
      {(entries) => (
        <dl className="tree">
          {entries.map(([name, value]) => (
            <div key={name}>
              <dt>
                <bdi>{name}</bdi>
              </dt>
              <dd>
                <Value value={value} level={level + 1} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </Folded>
  );
}

function Table({ rows, columns }: { rows: Fields[]; columns: string[] }) {
  return (
    <Folded items={rows} most={ITEMS_SHOWN}>
      {(rows) => (
        <div className="scroll" tabIndex={0} role="group" aria-label={columns.join(", ")}>
          <table className="table">
            <thead>
              <tr>
                {columns.map((column) => (
                  <th key={column} scope="col">
                    <bdi>{column}</bdi>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, place) => (
                <tr key={place}>
                  {columns.map((column) => (
                    <td key={column}>
                      {Object.hasOwn(row, column) && <Scalar value={row[column]} />}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Folded>
  );
}

function Items({ items, level }: { items: unknown[]; level: number }) {
  if (items.length === 0) return <Empty />;
  return (
    <Folded items={items} most={ITEMS_SHOWN}>
      {(items) => (
        <ol>
          {items.map((item, place) => (
            <li key={place}>
              <Value value={item} level={level + 1} />
            </li>
          ))}
        </ol>
      )}
    </Folded>
  );
}
