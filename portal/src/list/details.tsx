// An entry's free part: as a structure to read, and as JSON.
//
// Everything in it is text; nothing is ever taken for HTML.

import { Button, Tab, TabList } from "@fluentui/react-components";
import { useState } from "react";
import type { ReactNode } from "react";
import { isScalar, textOf } from "../api/exact";
import { useWords } from "../words/words";
import { CopyButton } from "./copy";

/** Rows and items that are shown before the rest is asked for. */
const ITEMS_SHOWN = 10;

/** Characters of a text that are shown before the rest is asked for. */
const CHARACTERS_SHOWN = 400;

export function Details({ details }: { details: Record<string, unknown> | undefined }) {
  const { t } = useWords();
  const [shown, setShown] = useState("structure");
  if (!details) return <p className="quiet">{t("no_details")}</p>;
  return (
    <div className="stack">
      <div className="row details-head">
        <h3>{t("details")}</h3>
        <TabList
          size="small"
          selectedValue={shown}
          onTabSelect={(_, { value }) => setShown(String(value))}
        >
          <Tab value="structure">{t("structure")}</Tab>
          <Tab value="json">{t("json")}</Tab>
        </TabList>
      </div>
      {shown === "json" ? <Json value={details} /> : <Value value={details} />}
    </div>
  );
}

function Json({ value }: { value: unknown }) {
  const { t } = useWords();
  const text = JSON.stringify(value, null, 2);
  return (
    <div>
      <CopyButton text={text} word="copy_json" />
      <pre className="json" tabIndex={0} aria-label={t("json")}>
        {text}
      </pre>
    </div>
  );
}

function Value({ value }: { value: unknown }) {
  if (isScalar(value)) return <Scalar value={value} />;
  if (!Array.isArray(value)) return <Tree value={value as Record<string, unknown>} />;
  const columns = columnsOf(value);
  return columns ? <Table rows={value} columns={columns} /> : <Items items={value} />;
}

function Scalar({ value }: { value: unknown }) {
  const { t } = useWords();
  const [all, setAll] = useState(false);
  if (value === null || value === "") return <span className="quiet">{t("empty_value")}</span>;
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  const text = textOf(value);
  if (text.length <= CHARACTERS_SHOWN) return <bdi className="name">{text}</bdi>;
  return (
    <>
      <bdi className="name">{all ? text : `${text.slice(0, CHARACTERS_SHOWN)}…`}</bdi>{" "}
      <More all={all} setAll={setAll} count={text.length} />
    </>
  );
}

function Tree({ value }: { value: Record<string, unknown> }) {
  const { t } = useWords();
  const entries = Object.entries(value);
  if (entries.length === 0) return <span className="quiet">{t("empty_value")}</span>;
  return (
    <dl className="tree">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>
            <bdi>{name}</bdi>
          </dt>
          <dd>
            <Value value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** The columns of a list of alike objects, such as an order's line items. */
function columnsOf(items: unknown[]): string[] | undefined {
  const flat = items.every(
    (item) =>
      !isScalar(item) && !Array.isArray(item) && Object.values(item as object).every(isScalar),
  );
  if (!flat || items.length === 0) return undefined;
  return [...new Set(items.flatMap((item) => Object.keys(item as object)))];
}

function Table({ rows, columns }: { rows: unknown[]; columns: string[] }) {
  const cell = (row: unknown, column: string) => (row as Record<string, unknown>)[column];
  return (
    <Folded items={rows}>
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
                      {cell(row, column) !== undefined && <Scalar value={cell(row, column)} />}
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

function Items({ items }: { items: unknown[] }) {
  const { t } = useWords();
  if (items.length === 0) return <span className="quiet">{t("empty_value")}</span>;
  return (
    <Folded items={items}>
      {(items) => (
        <ol>
          {items.map((item, place) => (
            <li key={place}>
              <Value value={item} />
            </li>
          ))}
        </ol>
      )}
    </Folded>
  );
}

/** The first items of a long list, and a button for all. */
function Folded({
  items,
  children,
}: {
  items: unknown[];
  children: (items: unknown[]) => ReactNode;
}) {
  const [all, setAll] = useState(false);
  return (
    <>
      {children(all ? items : items.slice(0, ITEMS_SHOWN))}
      {items.length > ITEMS_SHOWN && <More all={all} setAll={setAll} count={items.length} />}
    </>
  );
}

function More({
  all,
  setAll,
  count,
}: {
  all: boolean;
  setAll: (all: boolean) => void;
  count: number;
}) {
  const { t } = useWords();
  return (
    <Button size="small" aria-expanded={all} onClick={() => setAll(!all)}>
      {all ? t("show_less") : t("show_all", { count })}
    </Button>
  );
}
