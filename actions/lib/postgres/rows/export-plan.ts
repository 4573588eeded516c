import type { TableContent } from "../inventory/model.ts";

type Exported = Pick<TableContent, "schema" | "name" | "oid" | "bytes">;

/** One table of the JSON export and the artifact that its rows become. */
export interface ExportItem<Table extends Exported = TableContent> {
  readonly table: Table;
  /** `json/<schema>.<table>.ndjson.zst.pgp`, unique in the set, also where upper and lower case are the same. */
  readonly artifact: string;
  readonly kind: "json" | "generated";
}

/**
 * Names an artifact for every table, largest table first. Names hold only what S3 keys, shells and
 * file systems all take; a name that had to be changed, or that another table has already, gets the table's OID behind
 * it. The same tables get the same names, in whatever order they come. Pure.
 */
export function planExport<Table extends Exported>(tables: readonly Table[]): ExportItem<Table>[] {
  const taken = new Set<string>();
  const items: ExportItem<Table>[] = [];
  // Names that may stay as they are come first, so that no changed one takes theirs.
  const named = tables
    .map((table) => ({ table, plain: `${table.schema}.${table.name}` }))
    .map((one) => ({ ...one, safe: one.plain.replaceAll(/[^A-Za-z0-9._-]/g, "_").slice(0, 120) }))
    .sort(
      (a, b) => Number(a.safe !== a.plain) - Number(b.safe !== b.plain) || Number(a.table.oid) - Number(b.table.oid),
    );
  for (const { table, plain, safe } of named) {
    let name = safe === plain ? safe : `${safe}-${table.oid}`;
    while (taken.has(name.toLowerCase())) name = `${name}-${table.oid}`;
    taken.add(name.toLowerCase());
    items.push({ table, artifact: `json/${name}.ndjson.zst.pgp`, kind: "json" });
  }
  return items.sort((a, b) => b.table.bytes - a.table.bytes);
}

/**
 * The same for the stored generated columns that a restore may not compute as they were: their values beside the key.
 * Pure.
 */
export function planGenerated(tables: readonly TableContent[]): ExportItem[] {
  const some = tables.flatMap((table) => {
    const columns = table.generated?.columns.filter(({ changeable }) => changeable).map(({ name }) => name) ?? [];
    if (columns.length === 0 || table.fingerprint?.rows === "0") return [];
    return [{ ...table, columns: [...(table.generated?.key ?? []), ...columns] }];
  });
  return planExport(some).map(({ table, artifact }) => ({
    table,
    artifact: artifact.replace("json/", "generated/"),
    kind: "generated",
  }));
}
