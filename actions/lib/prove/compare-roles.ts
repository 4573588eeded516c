import type { Inventory, Role } from "../source/inventory/model.ts";
import { isReservedRole } from "../source/platform.ts";
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

function settingTexts(role: Role): string[] {
  return role.settings.map(({ setting, database }) => (database ? `in this database ${setting}` : setting));
}

/** Setting names only: a setting may hold a secret (`app.jwt_secret`). */
function compareTexts(wanted: readonly string[], present: readonly string[]): string | undefined {
  const names = (texts: readonly string[]) => texts.map((text) => text.split("=", 1)[0] ?? "").join(", ");
  const lost = wanted.filter((text) => !present.includes(text));
  const gained = present.filter((text) => !wanted.includes(text));
  if (lost.length + gained.length === 0) return undefined;
  return [
    lost.length > 0 ? `lost or other: ${names(lost)}` : "",
    gained.length > 0 ? `only here or other: ${names(gained)}` : "",
  ]
    .filter(Boolean)
    .join("; ");
}

function compareMemberships(source: Inventory, target: Inventory, context: CompareContext): Difference[] {
  const options = source.serverMajor >= 16 && target.serverMajor >= 16;
  const text = (one: Inventory["memberships"][number]) =>
    `${one.role} to ${one.member}${one.admin ? " with admin" : ""}${options ? `, inherit ${one.inherit}, set ${one.set}` : ""}`;
  const present = new Set(target.memberships.map(text));
  const seen = new Set<string>();
  return source.memberships
    .filter((one) => !present.has(text(one)) && !seen.has(text(one)) && seen.add(text(one)))
    .map((one) => {
      const reserved = context.supabase && isReservedRole(one.role) && isReservedRole(one.member);
      return {
        kind: "membership",
        identity: `${one.role} to ${one.member}`,
        aspect: "membership" as const,
        detail: `${text(one)} is not in the target`,
        verdict: reserved ? ("expected" as const) : ("failed" as const),
        why: reserved
          ? clusterOwn
          : (context.failures.get(`membership ${one.role} to ${one.member}`) ?? "nothing was reported"),
      };
    });
}

function compareDatabaseSettings(source: Inventory, target: Inventory, context: CompareContext): Difference[] {
  const detail = compareTexts(source.databaseSettings, target.databaseSettings);
  if (detail === undefined) return [];
  const reason = context.failures.get("database settings");
  return [
    {
      kind: "database",
      identity: "current",
      aspect: "settings",
      detail,
      verdict: context.supabase ? "expected" : "failed",
      why:
        reason ?? (context.supabase ? "postgres may not change the database's own settings" : "nothing was reported"),
    },
  ];
}
