import {
  nameBehind,
  nameOnTable,
  parseQualified,
  quoteIdentifier,
  quoteLiteral,
} from "../../../postgres/identifier.ts";
import type { Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { isManagedSchema, isPlatformObject } from "../../../postgres/platform-owned.ts";
import { readTokens } from "../../../postgres/sql-tokens.ts";
import { expressionUses, isRoutine, lastName, type Reach, reach, usesOf } from "./code-uses.ts";
import type { Outbound } from "./firing.ts";

/** A function that does nothing while rows come in. */
export interface StandIn {
  readonly object: InventoryObject;
  /** Puts a function of the same name and type in its place that gives NULL. */
  readonly put: string;
  /** Makes it what it was. */
  readonly takeBack: string;
}

/** Kinds that PostgreSQL uses without any text that names them: what one of them may do, everything may. */
const everywhere = new Set(["cast", "operator class", "operator family", "transform"]);

/**
 * What of a reach would speak while the copy is made: pg_net's requests are held back, everything else is not. What is
 * only guessed of everything (an extension that nobody knows has an operator class) takes no index from anybody.
 *
 * @param open whether code that is put together as it runs could find anything to speak by
 */
export function atOnce(found: ReadonlyMap<InventoryObject, Reach>, open: boolean): Reach {
  const guessed = reach.dynamic | reach.unknown;
  let spread: Reach = 0;
  for (const [{ kind }, may] of found) if (everywhere.has(kind)) spread |= may & guessed;
  return reach.direct | (open ? guessed & ~spread : 0);
}

/**
 * Indexes, exclusion constraints and statistics objects: building and analysing (autovacuum does, too) run what they
 * compute for every row. Undefined for anything else.
 */
export function leftOutWhileFilling(object: InventoryObject): Outbound | undefined {
  const switchOn = statementFor(object);
  if (switchOn === undefined) return undefined;
  return { object, what: `${object.kind} ${object.identity}`, how: "left out", switchOff: undefined, switchOn };
}

const marks =
  /( clustered)?( replica identity)?(?: statistics ([\d=,]+))?(?: partition of ((?:"(?:[^"]|"")*"|[^\s"])+))?(?: tablespace (\S+))?$/;

function statementFor(object: InventoryObject): string | undefined {
  const { kind, identity, definition, comment } = object;
  const about = (on: string) => (comment === null ? [] : [`COMMENT ON ${on} IS ${quoteLiteral(comment)}`]);
  if (kind === "index" && !definition.endsWith(" invalid")) {
    const [all = "", clustered, , statistics, parent, tablespace] = marks.exec(definition) ?? [];
    const table = nameBehind(" ON (?:ONLY )?", definition);
    return statements([
      definition.slice(0, definition.length - all.length),
      ...(tablespace === undefined ? [] : [`ALTER INDEX ${identity} SET TABLESPACE ${quoteIdentifier(tablespace)}`]),
      ...(statistics ?? "").split(",").flatMap((one) => {
        const [column, target] = one.split("=");
        return target === undefined ? [] : [`ALTER INDEX ${identity} ALTER COLUMN ${column} SET STATISTICS ${target}`];
      }),
      ...(parent === undefined ? [] : [`ALTER INDEX ${parent} ATTACH PARTITION ${identity}`]),
      ...(clustered === undefined || table === undefined
        ? []
        : [`ALTER TABLE ${table} CLUSTER ON ${nameOnly(identity)}`]),
      ...about(`INDEX ${identity}`),
    ]);
  }
  if (kind === "statistics object") {
    const [all = "", target] = / statistics (\d+)$/.exec(definition) ?? [];
    return statements([
      definition.slice(0, definition.length - all.length),
      ...(target === undefined ? [] : [`ALTER STATISTICS ${identity} SET STATISTICS ${target}`]),
      ...(object.owner === null ? [] : [`ALTER STATISTICS ${identity} OWNER TO ${quoteIdentifier(object.owner)}`]),
      ...about(`STATISTICS ${identity}`),
    ]);
  }
  if (kind === "table constraint" && definition.startsWith("EXCLUDE ")) {
    const { name, table } = nameOnTable(identity) ?? {};
    const text = definition.replace(/ using index (?:"(?:[^"]|"")*"|[^\s"])+[a-z ]*$/, "");
    if (name === undefined || table === undefined || / inherited( |$)/.test(definition)) return undefined;
    return statements([
      `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${text}`,
      ...about(`CONSTRAINT ${name} ON ${table}`),
    ]);
  }
  return undefined;
}

const statements = (some: readonly string[]): string => some.map((one) => `${one};`).join(" ");

function nameOnly(identity: string): string {
  const parts = parseQualified(identity);
  return parts === undefined ? identity : quoteIdentifier(parts.name);
}

/**
 * Functions whose values rows need as they come in, and that may speak at once: those of generated columns, which have to
 * be immutable, and those of types. Not those that decide which partition a row belongs to.
 */
export function standIns(source: Inventory, found: ReadonlyMap<InventoryObject, Reach>, soon: Reach): StandIn[] {
  const namesIn = (kinds: (object: InventoryObject) => boolean) =>
    new Set(source.objects.filter(kinds).flatMap((object) => [...usesOf(object, new Set()).names]));
  const ofTypes = namesIn(({ kind, extension }) => extension === null && (everywhere.has(kind) || kind === "type"));
  const ofPartitions = new Set(source.objects.flatMap((object) => [...callsOfPartitionKey(object)]));
  return source.objects
    .filter((object) => object.kind === "function" && object.extension === null && !isPlatforms(object))
    .filter((object) => ((found.get(object) ?? 0) & soon) !== 0)
    .filter((object) => {
      const name = lastName(object.identity);
      return !ofPartitions.has(name) && (isImmutable(object) || ofTypes.has(name));
    })
    .map((object) => ({ object, put: putInPlace(object), takeBack: `${object.definition.trimEnd()};\n` }));
}

const isPlatforms = (object: InventoryObject) => isManagedSchema(object.schema) && isPlatformObject(object);

/** pg_get_functiondef writes the word on a line of its own, before the body; a body that has such a line is not worse off. */
const isImmutable = ({ definition }: InventoryObject) => /^ (?:WINDOW )?IMMUTABLE\b/m.test(definition);

const putInPlace = ({ identity }: InventoryObject): string => `
  do $lifeboat$
  declare f record;
  begin
    select format('create or replace function %I.%I(%s) returns %s language plpgsql immutable as %L', n.nspname, p.proname,
             pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
             case when p.proretset or p.prorettype = 'void'::regtype or p.proallargtypes is not null
                  then 'begin return; end' else 'begin return null; end' end) as text
      into f
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where p.oid = to_regprocedure(${quoteLiteral(identity)}) and p.prokind = 'f';
    if found then execute f.text; end if;
  end $lifeboat$;
`;

function callsOfPartitionKey({ kind, definition }: InventoryObject): ReadonlySet<string> {
  const key = kind === "table" ? /^partition by (.*)$/m.exec(definition)?.[1] : undefined;
  return key === undefined ? new Set() : expressionUses(readTokens(key).tokens, 0).calls;
}

/** Partitioned tables whose key is computed by what may speak at once: without it no row can be put in its place. */
export function keysThatSpeak(source: Inventory, found: ReadonlyMap<InventoryObject, Reach>): InventoryObject[] {
  const speaking = new Set(
    source.objects
      .filter((object) => isRoutine(object) && ((found.get(object) ?? 0) & reach.direct) !== 0)
      .map(({ identity }) => lastName(identity)),
  );
  return source.objects.filter((object) => [...callsOfPartitionKey(object)].some((name) => speaking.has(name)));
}

const columnLine = /^ {2}column ((?:"(?:[^"]|"")*"|[^\s"])+) (.*)$/;

/** Tables with generated columns that functions compute which do nothing while rows come in. */
export function generatedLater(source: Inventory, still: readonly StandIn[]): Outbound[] {
  if (still.length === 0) return [];
  const names = new Set(still.map(({ object }) => lastName(object.identity)));
  const signs = source.objects
    .filter(({ kind, definition }) => kind === "operator" && names.has(lastName(definition.split("(")[0] ?? "")))
    .map(({ identity }) => lastName(identity));
  const isStill = (expression: string): boolean => {
    const { calls, dotted, operators } = expressionUses(readTokens(expression).tokens, 0);
    return [...calls, ...dotted].some((one) => names.has(one)) || operators.some((one) => signs.includes(one));
  };
  const objects = new Map(source.objects.filter(({ kind }) => kind === "table").map((one) => [one.oid, one]));
  return source.tables.flatMap((table): Outbound[] => {
    const object = objects.get(table.oid);
    const columns = (object?.definition.split("\n") ?? []).flatMap((line) => {
      const [, name, rest = ""] = columnLine.exec(line) ?? [];
      const generated = name !== undefined && / generated s default /.test(rest) && isStill(rest);
      return generated ? [{ name, filled: notNull.test(rest) }] : [];
    });
    if (object === undefined || columns.length === 0) return [];
    const names = columns.map(({ name }) => name);
    // A child may not lack what its parent has.
    const isChild = /^(partition of|inherits) /m.test(object.definition);
    const filled = isChild ? [] : columns.filter((one) => one.filled).map(({ name }) => name);
    const alter = (how: string) =>
      filled.length === 0
        ? ""
        : `ALTER TABLE ${object.identity} ${filled.map((name) => `ALTER COLUMN ${name} ${how} NOT NULL`).join(", ")};`;
    const on = object.identity;
    // PostgreSQL computes anew what hangs on a changed column only, but everything where a trigger might change a row first
    // (nodeModifyTable.c, ExecInitGenerated). In replica mode none fires, and nobody's takes this for a change.
    const block = `BEGIN SET LOCAL session_replication_role = replica;
CREATE TRIGGER lifeboat_all BEFORE UPDATE ON ${on} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
UPDATE ONLY ${on} SET ${names.map((name) => `${name} = DEFAULT`).join(", ")};
DROP TRIGGER lifeboat_all ON ${on}; ${alter("SET")} END`.replaceAll("\n", " ");
    return [
      {
        ...{ object, what: `generated ${names.join(", ")} of ${object.identity}`, how: "later" },
        ...{ switchOff: alter("DROP"), switchOn: `DO ${quoteLiteral(block)};` },
      },
    ];
  });
}

const notNull = / not null generated s default /;

/** A table whose generated columns wait for their values, as it will be when they have them: they may be empty till then. */
export function asIfFilled(twin: InventoryObject, { definition }: InventoryObject): InventoryObject {
  const lines = definition.split("\n").filter((line) => columnLine.test(line) && notNull.test(line));
  const filled = new Map(lines.map((line) => [line.replace(notNull, " generated s default "), line]));
  return {
    ...twin,
    definition: twin.definition
      .split("\n")
      .map((line) => filled.get(line) ?? line)
      .join("\n"),
  };
}
