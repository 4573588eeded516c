import { bare, parseQualified, quoteIdentifier } from "../../../postgres/identifier.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { isRelation } from "../../../postgres/inventory/read.ts";
import { assignment } from "../../../postgres/inventory/roles.ts";

/**
 * A statement that PostgreSQL 17 runs under a search path of its own, whatever the session's is (CREATE INDEX, REFRESH;
 * release notes of 17, "safe search_path"): the user's functions that `text` names get the path as their own for the length
 * of the transaction. Those that they call inherit it. Undefined when it names none. Pure.
 */
export function lendingPath(
  statement: string,
  text: string,
  source: Pick<Inventory, "objects">,
  path: string,
): string | undefined {
  const functions = source.objects.filter(
    ({ kind, extension, identity, definition }) =>
      kind === "function" &&
      extension === null &&
      text.includes(identity.slice(0, identity.indexOf("(") + 1)) &&
      !/^ SET search_path /m.test(definition),
  );
  if (functions.length === 0) return undefined;
  const each = (what: string) => functions.map(({ identity }) => `ALTER FUNCTION ${identity} ${what};\n`).join("");
  return `${each(`SET ${assignment(`search_path=${path}`)}`)}${statement.replace(/;?\s*$/, ";")}\n${each("RESET search_path")}`;
}

/** All definitions whose functions the planner may look into, whatever a statement itself names. Pure. */
export function definitionsPlanned({ objects }: Pick<Inventory, "objects">): string {
  return objects
    .filter(({ kind }) => kind === "index" || kind === "statistics object")
    .map(({ definition }) => definition)
    .join("\n");
}

/**
 * The same for tables that a statement's functions name in a text (`ts_stat('select … from documents')`): that search path
 * has pg_temp in it, so a temporary view stands for each table of the path's schemas as long as the transaction lasts. Pure.
 */
export function namesAsTemporary(statement: string, source: Pick<Inventory, "objects">, path: string): string {
  const schemas = path.split(",").map((name) => bare(name.trim()));
  const found = new Map<string, string>();
  for (const schema of schemas) {
    for (const { kind, identity } of source.objects.filter((one) => one.schema === schema && one.extension === null)) {
      const parts = isRelation(kind) ? parseQualified(identity) : undefined;
      if (parts !== undefined && !found.has(parts.name)) found.set(parts.name, identity);
    }
  }
  const names = [...found.keys()].map(quoteIdentifier);
  const create = [...found].map(
    ([name, of]) =>
      // For the owner of what is filled, with the rights that are his.
      `CREATE TEMPORARY VIEW ${quoteIdentifier(name)} WITH (security_invoker) AS SELECT * FROM ${of};\n` +
      `GRANT SELECT ON pg_temp.${quoteIdentifier(name)} TO PUBLIC;\n`,
  );
  const drop = names.map((name) => `DROP VIEW pg_temp.${name};\n`);
  return [...create, statement, ...drop].join("");
}
