import type { TocEntry } from "../archive/toc.ts";

const word = String.raw`(?:"(?:[^"]|"")+"|[\w$\u0080-\uffff]+)`;
const qualified = String.raw`(${word}\.${word})`;
const creates = new RegExp(
  `^CREATE (?:UNLOGGED )?(?:FOREIGN TABLE|TABLE|MATERIALIZED VIEW|VIEW|SEQUENCE) ${qualified}`,
);
const hangsOn: readonly RegExp[] = [
  new RegExp(`^ALTER (?:FOREIGN )?TABLE (?:IF EXISTS )?(?:ONLY )?${qualified}`),
  new RegExp(`^CREATE (?:UNIQUE )?INDEX ${word} ON (?:ONLY )?${qualified}`),
  new RegExp(`^ALTER SEQUENCE ${qualified} OWNED BY `),
  new RegExp(`^ALTER PUBLICATION ${word} ADD TABLE (?:ONLY )?${qualified}`),
];
const kinds = new Set([
  "CHECK CONSTRAINT",
  "CONSTRAINT",
  "DEFAULT",
  "FK CONSTRAINT",
  "INDEX",
  "PUBLICATION TABLE",
  "SEQUENCE OWNED BY",
  "TABLE ATTACH",
]);

/**
 * The same entries, each knowing the table that it hangs on. An archive says so; plain SQL only where pg_dump could not do
 * without (comments). pg_dump spells a name the same way wherever it writes it, so the statements tell. Pure.
 */
export function withTables(toc: readonly TocEntry[]): TocEntry[] {
  const tables = new Map<string, number>();
  for (const { dumpId, defn } of toc) {
    const name = creates.exec(defn)?.[1];
    if (name !== undefined) tables.set(name, dumpId);
  }
  return toc.map((entry) => {
    if (!kinds.has(entry.desc)) return entry;
    const name = hangsOn.map((pattern) => pattern.exec(entry.defn)?.[1]).find((found) => found !== undefined);
    const table = tables.get(name ?? "");
    if (table === undefined || entry.dependencies.includes(table)) return entry;
    return { ...entry, dependencies: [...entry.dependencies, table] };
  });
}
