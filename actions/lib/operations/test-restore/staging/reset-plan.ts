import { nameOnTable, quoteIdentifier, tableName } from "../../../postgres/identifier.ts";
import type { Inventory, InventoryObject, Role } from "../../../postgres/inventory/model.ts";
import { objectKey } from "../../../postgres/inventory/object-query.ts";
import {
  bookkeepingReason,
  isManagedSchema,
  isOwnObject,
  isPlatformObject,
  isPlatformOwner,
  isReservedRole,
} from "../../../postgres/platform-owned.ts";

/** One statement that takes away one object, and what to call it when that does not work. */
export interface Removal {
  readonly what: string;
  readonly sql: string;
}

/** How DROP names a kind, where that is not the kind in upper case. Null: it goes with something else. */
const dropWords = new Map<string, string | null>([
  ["aggregate", "AGGREGATE"],
  ["function", "FUNCTION"],
  ["procedure", "PROCEDURE"],
  ["statistics object", "STATISTICS"],
  ["domain constraint", null],
  ["table constraint", null],
  ["index", null],
  ["rule", null],
  ["default acl", null],
  ["database", null],
  ["operator of access method", null],
  ["function of access method", null],
]);

/** In this order: what fires at our own statements first, then what hangs on others, then what others hang on. */
const order = [
  "event trigger",
  "publication",
  "policy",
  "trigger",
  "view",
  "materialized view",
  "foreign table",
  "table",
  "sequence",
  "user mapping",
  "server",
  "foreign-data wrapper",
];

/**
 * What has to go so that the database is again what it was when it was marked as staging: everything that a restore or
 * anybody else has made since. What the platform made meanwhile, in its own version, stays. Pure.
 */
export function planRemovals(baseline: Inventory, present: Inventory, supabase: boolean): Removal[] {
  const known = new Set(baseline.objects.map(objectKey));
  const gone = present.objects.filter(
    (object) => !known.has(objectKey(object)) && !isOwnObject(object) && !staysWithPlatform(object, supabase),
  );
  const place = ({ kind }: InventoryObject): number => {
    if (kind === "schema") return order.length + 2;
    if (kind === "extension") return order.length + 1;
    const at = order.indexOf(kind);
    return at < 0 ? order.length : at;
  };
  return gone
    .toSorted((a, b) => place(a) - place(b))
    .flatMap((object) => {
      const sql = dropStatement(object);
      return sql === undefined ? [] : [{ what: `${object.kind} ${object.identity}`, sql }];
    });
}

/**
 * Policies on the platform's tables are made by users only. A trigger there is the platform's when its function is: the
 * storage server brings such triggers with its migrations. Database webhooks are the user's, though their function is not.
 */
export function staysWithPlatform(object: InventoryObject, supabase: boolean): boolean {
  if (object.extension !== null) return true;
  if (!supabase) return false;
  if (object.kind === "policy") return false;
  // CREATE EXTENSION made it for one that names its schema, as pgmq does; DROP EXTENSION leaves it.
  if (object.kind === "schema" && !isPlatformOwner(object.owner)) return false;
  if (object.kind === "trigger") {
    const schema = /EXECUTE FUNCTION (?:"((?:[^"]|"")*)"|([^\s."(]+))\./.exec(object.definition);
    const home = schema?.[1]?.replaceAll('""', '"') ?? schema?.[2] ?? null;
    return isManagedSchema(home) && home !== "supabase_functions";
  }
  return isPlatformObject(object);
}

function dropStatement(object: InventoryObject): string | undefined {
  const word = dropWords.get(object.kind);
  if (word === null) return undefined;
  if (object.kind === "large object") return `select pg_catalog.lo_unlink(${object.oid})`;
  if (object.kind === "policy" || object.kind === "trigger") {
    const parts = nameOnTable(object.identity);
    return parts && `DROP ${object.kind.toUpperCase()} IF EXISTS ${parts.name} ON ${parts.table}`;
  }
  if (object.kind === "user mapping") {
    const parts = /^(.*) on server (.*)$/s.exec(object.identity);
    const who = parts?.[1] === "public" ? "PUBLIC" : quoteIdentifier(parts?.[1] ?? "");
    return parts === null
      ? undefined
      : `DROP USER MAPPING IF EXISTS FOR ${who} SERVER ${quoteIdentifier(parts[2] ?? "")}`;
  }
  if (object.kind === "cast" || object.kind === "transform") return castOrTransform(object);
  return `DROP ${word ?? object.kind.toUpperCase()} IF EXISTS ${object.identity} CASCADE`;
}

/** `(a AS b)` is what DROP CAST takes; a transform's identity is `for type on language l`. */
function castOrTransform({ kind, identity }: InventoryObject): string {
  return kind === "cast"
    ? `DROP CAST IF EXISTS ${identity} CASCADE`
    : `DROP TRANSFORM IF EXISTS ${identity.replace(/ on language /, " language ")} CASCADE`;
}

/** Roles that were made since, the platform's own and the session's excepted. Pure. */
export function rolesToDrop(baseline: Inventory, present: Inventory, session: string): string[] {
  const known = new Set(baseline.roles.map((role) => role.name));
  return present.roles
    .map((role) => role.name)
    .filter((name) => !known.has(name) && !isReservedRole(name) && name !== session);
}

/**
 * What takes back settings that roles and the database have and did not have. Pure.
 * @param session may not alter a superuser; such statements fail and are reported by the caller
 */
export function settingResets(baseline: Inventory, present: Inventory): Removal[] {
  const roles = present.roles.flatMap((role) => {
    const before = baseline.roles.find((one) => one.name === role.name);
    return before === undefined ? [] : roleResets(before, role, present.database);
  });
  const database = quoteIdentifier(present.database);
  const own = present.databaseSettings
    .filter((setting) => !baseline.databaseSettings.includes(setting))
    .map((setting) => ({
      what: `setting ${nameOfSetting(setting)} of the database`,
      sql: `ALTER DATABASE ${database} RESET ${nameOfSetting(setting)}`,
    }));
  return [...roles, ...own];
}

function roleResets(before: Role, now: Role, database: string): Removal[] {
  return now.settings
    .filter((one) => !before.settings.some((two) => two.setting === one.setting && two.database === one.database))
    .map((one) => {
      const where = one.database ? ` IN DATABASE ${quoteIdentifier(database)}` : "";
      const setting = nameOfSetting(one.setting);
      return {
        what: `setting ${setting} of role ${now.name}`,
        sql: `ALTER ROLE ${quoteIdentifier(now.name)}${where} RESET ${setting}`,
      };
    });
}

function nameOfSetting(setting: string): string {
  const name = setting.split("=", 1)[0] ?? "";
  return name.split(".").map(quoteIdentifier).join(".");
}

/** Schemas of the platform in which users have rows; the others' rows are the platform's own. */
const rowSchemas = new Set(["auth", "cron", "net", "pgmq", "storage", "supabase_functions", "vault"]);

/** The platform's tables whose rows have to go, by schema: those of one schema refer to each other. Pure. */
export function tablesToEmpty(
  present: Inventory,
  filled: readonly string[],
  supabase: boolean,
): Map<string, { readonly schema: string; readonly name: string }[]> {
  const groups = new Map<string, { schema: string; name: string }[]>();
  if (!supabase) return groups;
  for (const { schema, name } of present.tables) {
    if (!rowSchemas.has(schema) || filled.includes(tableName({ schema, name }))) continue;
    const reason = bookkeepingReason(schema, name);
    if (reason !== undefined && schema !== "net" && schema !== "cron") continue;
    const group = groups.get(schema) ?? [];
    group.push({ schema, name });
    groups.set(schema, group);
  }
  return groups;
}
