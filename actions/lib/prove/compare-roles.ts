import type { Inventory, Role } from "../source/inventory/model.ts";
import { isReservedRole } from "../source/platform.ts";
import { assignment } from "../source/roles-sql.ts";
import type { CompareContext } from "./compare-objects.ts";
import type { Difference } from "./difference.ts";

const attributes = [
  "superuser",
  "inherit",
  "createRole",
  "createDb",
  "login",
  "replication",
  "bypassRls",
  "connectionLimit",
  "validUntil",
  "comment",
] as const satisfies readonly (keyof Role)[];

const clusterOwn = "Supabase's own role; the target project has it in its own version";

/**
 * Compares roles, their settings and memberships. A role belongs to the whole cluster, so a role or membership that only
 * the target has is none of this database's; a platform's role in the target's own version is expected.
 */
export function compareRoles(source: Inventory, target: Inventory, context: CompareContext): Difference[] {
  const present = new Map(target.roles.map((role) => [role.name, role]));
  const differences: Difference[] = [];
  for (const role of source.roles) {
    const reserved = context.supabase && isReservedRole(role.name);
    const reason = context.failures.get(`role ${role.name}`);
    const base = {
      kind: "role",
      identity: role.name,
      verdict: reserved ? ("expected" as const) : ("failed" as const),
      why: reserved ? clusterOwn : (reason ?? "nothing was reported"),
    };
    const twin = present.get(role.name);
    if (twin === undefined) {
      differences.push({ ...base, aspect: "missing", detail: "not in the target" });
      continue;
    }
    const other = attributes.filter((name) => role[name] !== twin[name]);
    if (other.length > 0) differences.push({ ...base, aspect: "definition", detail: `other ${other.join(", ")}` });
    const settings = compareTexts(settingTexts(role), settingTexts(twin));
    if (settings !== undefined) differences.push({ ...base, aspect: "settings", detail: settings });
  }
  return [
    ...differences,
    ...compareMemberships(source, target, context),
    ...compareDatabaseSettings(source, target, context),
  ];
}

const inDatabase = "in this database ";

function settingTexts(role: Role): string[] {
  return role.settings.map(({ setting, database }) => (database ? `${inDatabase}${setting}` : setting));
}

/** Setting names only: a setting may hold a secret (`app.jwt_secret`). */
function compareTexts(wanted: readonly string[], present: readonly string[]): string | undefined {
  const names = (texts: readonly string[]) => texts.map((text) => text.split("=", 1)[0] ?? "").join(", ");
  const lost = without(wanted, present);
  const gained = without(present, wanted);
  if (lost.length + gained.length === 0) return undefined;
  return [
    lost.length > 0 ? `lost or other: ${names(lost)}` : "",
    gained.length > 0 ? `only here or other: ${names(gained)}` : "",
  ]
    .filter(Boolean)
    .join("; ");
}

/** Lists of names are the same however their names are quoted. */
function without(texts: readonly string[], others: readonly string[]): string[] {
  const normal = (text: string) =>
    text.startsWith(inDatabase) ? inDatabase + assignment(text.slice(inDatabase.length)) : assignment(text);
  const known = new Set(others.map(normal));
  return texts.filter((text) => !known.has(normal(text)));
}

const lacking = "not in the target";

function compareMemberships(source: Inventory, target: Inventory, context: CompareContext): Difference[] {
  const options = source.serverMajor >= 16 && target.serverMajor >= 16;
  const text = (one: Inventory["memberships"][number]) =>
    `${one.role} to ${one.member}${one.admin ? " with admin" : ""}${options ? `, inherit ${one.inherit}, set ${one.set}` : ""}`;
  const wanted = new Set(source.memberships.map(text));
  const present = new Set(target.memberships.map(text));
  const roles = new Set(source.roles.map((role) => role.name));
  const describe = (line: string, one: Inventory["memberships"][number], where: string): Difference => {
    const reserved = context.supabase && isReservedRole(one.role) && isReservedRole(one.member);
    const identity = `${one.role} to ${one.member}`;
    const makers = source.serverMajor < 16 && target.serverMajor >= 16 && one.admin && where !== lacking;
    if (makers) {
      const why = "from PostgreSQL 16 on, whoever makes a role administers it";
      return {
        kind: "membership",
        identity,
        aspect: "membership",
        detail: `${line} is ${where}`,
        verdict: "expected",
        why,
      };
    }
    return {
      kind: "membership",
      identity,
      aspect: "membership",
      detail: `${line} is ${where}`,
      verdict: reserved ? "expected" : "failed",
      why: reserved ? clusterOwn : (context.failures.get(`membership ${identity}`) ?? "nothing was reported"),
    };
  };
  const unique = (all: Inventory["memberships"]) => new Map(all.map((one) => [text(one), one]));
  const lost = [...unique(source.memberships)].filter(([line]) => !present.has(line));
  const gained = [...unique(target.memberships)].filter(
    ([line, one]) => !wanted.has(line) && (roles.has(one.role) || one.role.startsWith("pg_")) && roles.has(one.member),
  );
  return [
    ...lost.map(([line, one]) => describe(line, one, lacking)),
    ...gained.map(([line, one]) => describe(line, one, "in the target only")),
  ];
}

function compareDatabaseSettings(source: Inventory, target: Inventory, context: CompareContext): Difference[] {
  const detail = compareTexts(source.databaseSettings, target.databaseSettings);
  if (detail === undefined) return [];
  const reason = context.failures.get("database settings");
  // On Supabase, what was refused is named, and the platform may have settings of its own.
  const lost = without(source.databaseSettings, target.databaseSettings).length > 0;
  const expected = context.supabase && (!lost || reason !== undefined);
  return [
    {
      kind: "database",
      identity: "current",
      aspect: "settings",
      detail,
      verdict: expected ? "expected" : "failed",
      why: reason ?? (expected ? "the target project has settings of its own" : "nothing was reported"),
    },
  ];
}
