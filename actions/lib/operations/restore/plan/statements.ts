import type { TocEntry } from "../../../postgres/dump/archive/toc.ts";
import { nameOnTable, parseQualified, quoteIdentifier, quoteLiteral } from "../../../postgres/identifier.ts";
import type { Grant, Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-query.ts";
import { isRelation } from "../../../postgres/inventory/read.ts";
import { isReservedRole } from "../../../postgres/platform-owned.ts";
import type { TargetFacts } from "../../target/target.ts";
import type { AfterStep, Step } from "./steps.ts";

/**
 * Gives each object its owner in the transaction that makes it: PostgreSQL builds indexes and fills materialised views as
 * their owner, and runs a SECURITY DEFINER function as its owner, so that none of theirs ever runs as the one who
 * restores. What does not work now is tried again with all other rights (`settleOwners`).
 */
export function withOwners({ role, supabase }: TargetFacts, afterStep: AfterStep): AfterStep {
  return (step) => {
    const { entry, object } = step;
    const rest = afterStep(step);
    const owner = entry.desc === "COMMENT" ? null : (object?.owner ?? null);
    if (object === undefined || owner === null || owner === role || (supabase && isReservedRole(owner))) return rest;
    const statement = ownerStatement(object, owner);
    if (statement === undefined) return rest;
    const lend =
      object.schema === null
        ? "null;"
        : `begin grant create on schema ${quoteIdentifier(object.schema)} to ${quoteIdentifier(owner)}; ${statement};
             exception when others then null; end;`;
    const block = `begin ${statement}; exception when insufficient_privilege then ${lend} when others then null; end`;
    return `do ${quoteLiteral(block)};\n${rest ?? ""}`;
  };
}

/** How an object is named in GRANT … ON. */
const grantWords = new Map([
  ["aggregate", "ROUTINE"],
  ["foreign-data wrapper", "FOREIGN DATA WRAPPER"],
  ["function", "ROUTINE"],
  ["language", "LANGUAGE"],
  ["large object", "LARGE OBJECT"],
  ["parameter ACL", "PARAMETER"],
  ["procedure", "ROUTINE"],
  ["schema", "SCHEMA"],
  ["sequence", "SEQUENCE"],
  ["server", "FOREIGN SERVER"],
  ["tablespace", "TABLESPACE"],
  ["type", "TYPE"],
]);

/** How an object is named in ALTER … OWNER TO, where that is not its kind in upper case. */
const ownerWords = new Map([
  // ALTER AGGREGATE wants `*` and ORDER BY where the identity has nothing and a comma.
  ["aggregate", "ROUTINE"],
  ["foreign-data wrapper", "FOREIGN DATA WRAPPER"],
  ["statistics object", "STATISTICS"],
]);

/** Identities that pg_identify_object gives unquoted although GRANT and ALTER want an identifier. */
function nameOf(object: InventoryObject, database: string): string {
  return object.kind === "database" ? quoteIdentifier(database) : object.identity;
}

function grantWord(kind: string): string | undefined {
  return isRelation(kind) ? "TABLE" : kind === "database" ? "DATABASE" : grantWords.get(kind);
}

/** `ALTER … OWNER TO`; undefined for what has no owner of its own. */
export function ownerStatement(object: InventoryObject, owner: string): string | undefined {
  const kind =
    isRelation(object.kind) || object.kind === "sequence"
      ? object.kind.toUpperCase()
      : (ownerWords.get(object.kind) ?? object.kind.toUpperCase());
  if (object.kind === "default acl" || object.kind === "database" || object.kind === "extension") return undefined;
  return `ALTER ${kind} ${object.identity} OWNER TO ${quoteIdentifier(owner)}`;
}

const sameGrant = (a: Grant, b: Grant) =>
  a.grantee === b.grantee &&
  a.privilege === b.privilege &&
  a.column === b.column &&
  a.grantable === b.grantable &&
  a.grantor === b.grantor;

/**
 * What turns the grants that an object has into those that it shall have. Grants are made as the grantor they had, where
 * the session may become it. Pure.
 */
export function grantStatements(wanted: InventoryObject, present: InventoryObject, database: string): string[] {
  const word = grantWord(wanted.kind);
  if (word === undefined || wanted.grants === null || present.grants === null) return [];
  const on = `ON ${word} ${nameOf(wanted, database)}`;
  const to = (grant: Grant) => (grant.grantee === "" ? "PUBLIC" : quoteIdentifier(grant.grantee));
  const what = (some: readonly Grant[]) =>
    some
      .map(({ privilege, column }) => `${privilege}${column === null ? "" : ` (${quoteIdentifier(column)})`}`)
      .join(", ");
  const excess = present.grants.filter((grant) => !wanted.grants?.some((one) => sameGrant(one, grant)));
  const lacking = wanted.grants.filter((grant) => !present.grants?.some((one) => sameGrant(one, grant)));
  return [
    ...alike(excess).map(([grant, ...more]) => `REVOKE ${what([grant, ...more])} ${on} FROM ${to(grant)}`),
    ...downTheChain(lacking, present.grants, wanted.owner).flatMap((round) =>
      alike(round).map(([grant, ...more]) =>
        asGrantor(
          grant,
          wanted.owner,
          `GRANT ${what([grant, ...more])} ${on} TO ${to(grant)}${grant.grantable ? " WITH GRANT OPTION" : ""}`,
        ),
      ),
    ),
  ];
}

/** Those that one statement gives or takes: a table has seven rights a role, and a project thousands of tables. */
function alike(grants: readonly Grant[]): [Grant, ...Grant[]][] {
  const groups = new Map<string, [Grant, ...Grant[]]>();
  for (const grant of grants) {
    const key = JSON.stringify([grant.grantor, grant.grantee, grant.grantable]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [grant]);
    else group.push(grant);
  }
  return [...groups.values()];
}

/** The owner's grants first, then what others pass on: they can only do that when they have been given the grant option. */
function downTheChain(lacking: readonly Grant[], present: readonly Grant[], owner: string | null): Grant[][] {
  const rounds: Grant[][] = [];
  const mayGive = ({ grantor, privilege, column }: Grant) =>
    grantor === owner ||
    [...present, ...rounds.flat()].some(
      (one) =>
        one.grantable &&
        one.grantee === grantor &&
        one.privilege === privilege &&
        (one.column === null || one.column === column),
    );
  for (let left = lacking; left.length > 0; ) {
    const ready = left.filter(mayGive);
    // Whoever gave it is not to be told: it is tried as it stands.
    const next = ready.length > 0 ? ready : [...left];
    rounds.push(next);
    left = left.filter((grant) => !next.includes(grant));
  }
  return rounds;
}

/** A grant by somebody else than the owner is made in that role; the owner's own are made so by Postgres anyhow. */
function asGrantor(grant: Grant, owner: string | null, statement: string): string {
  return grant.grantor === owner
    ? statement
    : `SET LOCAL ROLE ${quoteIdentifier(grant.grantor)}; ${statement}; RESET ROLE`;
}

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
