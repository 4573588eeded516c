import type { TocEntry } from "../../../postgres/dump/archive/toc.ts";
import { nameOnTable, parseQualified } from "../../../postgres/identifier.ts";
import type { Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-query.ts";
import type { Step } from "./steps.ts";

/**
 * What people have put on an extension's own tables (policies and row level security on a queue of pgmq, a trigger, an
 * index): pg_dump leaves it out with the table, so it is made from what the inventory says. Pure.
 *
 * @param target as it is before the schema is made: what an extension itself makes later is found in place by then
 */
export function extensionParts(source: Inventory, target: Inventory): Step[] {
  const present = byKey(target.objects);
  const steps: Step[] = [];
  for (const object of source.objects) {
    if (object.extension === null || object.definition === "") continue;
    const twin = present.get(objectKey(object));
    const sql =
      object.kind === "table" ? rowSecurity(object, twin) : twin === undefined ? partStatement(object) : undefined;
    if (sql !== undefined) steps.push({ entry: entryOf(object, sql, -1 - steps.length), object });
  }
  return steps;
}

function rowSecurity(object: InventoryObject, twin: InventoryObject | undefined): string | undefined {
  const lines = new Set(object.definition.split("\n"));
  const there = new Set(twin?.definition.split("\n"));
  const wanted = (line: string): boolean => lines.has(line) && !there.has(line);
  const sql = [
    ...(wanted("row level security") ? [`ALTER TABLE ${object.identity} ENABLE ROW LEVEL SECURITY;`] : []),
    ...(wanted("force row level security") ? [`ALTER TABLE ${object.identity} FORCE ROW LEVEL SECURITY;`] : []),
  ];
  return sql.length === 0 ? undefined : sql.join("\n");
}

const states: Readonly<Record<string, string>> = {
  disabled: "DISABLE",
  always: "ENABLE ALWAYS",
  replica: "ENABLE REPLICA",
};

/** The statement that the definition of a part was read from; undefined for what is no part of a table. */
function partStatement({ kind, identity, definition }: InventoryObject): string | undefined {
  if (kind === "index") return `${definition};`;
  const on = nameOnTable(identity);
  if (on === undefined || parseQualified(on.table) === undefined) return undefined;
  switch (kind) {
    case "policy":
      return `CREATE POLICY ${on.name} ON ${on.table} AS ${definition};`;
    case "trigger": {
      const [, create = definition, state] = /^(.*) (disabled|always|replica)$/s.exec(definition) ?? [];
      const set = state === undefined ? "" : `\nALTER TABLE ${on.table} ${states[state]} TRIGGER ${on.name};`;
      return `${create};${set}`;
    }
    case "rule":
      return definition.replace(/ enabled \w$/, "");
    case "table constraint": {
      const [, own = ""] = /^(.*?)(?: no inherit)?(?: using index .*)?$/s.exec(definition) ?? [];
      return own.endsWith(" inherited") ? undefined : `ALTER TABLE ${on.table} ADD CONSTRAINT ${on.name} ${own};`;
    }
    default:
      return undefined;
  }
}

const descriptions: Readonly<Record<string, string>> = {
  index: "INDEX",
  policy: "POLICY",
  rule: "RULE",
  table: "ROW SECURITY",
  "table constraint": "CONSTRAINT",
  trigger: "TRIGGER",
};

/** As a dump would have it, for those who look at the steps. */
function entryOf({ kind, identity, schema, classId, oid }: InventoryObject, defn: string, dumpId: number): TocEntry {
  return {
    ...{ dumpId, tableOid: classId, oid, tag: identity, desc: descriptions[kind] ?? "", section: "post-data" },
    ...{ defn, dropStmt: "", copyStmt: "", namespace: schema, tablespace: null, owner: "", tableam: null },
    ...{ dependencies: [], hasData: false },
  };
}
