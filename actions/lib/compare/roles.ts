import type { Inventory, Membership, Role } from "../postgres/inventory/model.ts";
import { isReservedRole } from "../postgres/platform-owned.ts";
import { factOfRole, membershipKey, roleKey } from "../supabase/platform/fact.ts";
import type { Difference } from "./difference.ts";
import type { CompareContext, Judgement } from "./judge-platform.ts";
import { compareDatabaseSettings, compareEverybodysSettings, compareSettings } from "./settings.ts";

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

const powers = ["superuser", "login", "createRole", "createDb", "replication", "bypassRls"] as const;
const powersOf = (role: Role): string[] => powers.filter((name) => role[name]);

const clusterOwn: Judgement = {
  verdict: "expected",
  why: "Supabase's own role; the target project has it in its own version",
};

/**
 * Compares roles, their settings and memberships. On Supabase the cluster is the project, so whoever may log in or may do
 * more there than in the set has to be known from new projects. On plain PostgreSQL a role belongs to the whole server:
 * one that only the target has is none of this database's, unless it is a superuser, who may do everything in it.
 */
export function compareRoles(source: Inventory, target: Inventory, context: CompareContext): Difference[] {
  const present = new Map(target.roles.map((role) => [role.name, role]));
  const differences: Difference[] = [];
  for (const role of source.roles) {
    const base = { kind: "role", identity: role.name };
    const twin = present.get(role.name);
    const nothing: Judgement = {
      verdict: "failed",
      why: context.failures.get(`role ${role.name}`) ?? "nothing was reported",
    };
    if (twin === undefined) {
      const reserved = context.platform !== undefined && isReservedRole(role.name);
      differences.push({
        ...base,
        aspect: "missing",
        detail: "not in the target",
        ...(reserved ? clusterOwn : nothing),
      });
      continue;
    }
    const other = attributes.filter((name) => role[name] !== twin[name]);
    if (other.length > 0) {
      const judgement = judgeAttributes(role, twin, context) ?? nothing;
      differences.push({ ...base, aspect: "definition", detail: `other ${other.join(", ")}`, ...judgement });
    }
    differences.push(...compareSettings(role, twin, context));
  }
  return [
    ...differences,
    ...extraRoles(source.roles, target.roles, context),
    ...compareMemberships(source, target, context),
    ...compareDatabaseSettings(source, target, context),
    ...compareEverybodysSettings(source, target, context),
  ];
}

/** A platform's role in the target's own version; undefined where it is the user's. */
function judgeAttributes(role: Role, twin: Role, { platform }: CompareContext): Judgement | undefined {
  if (platform === undefined || !isReservedRole(role.name)) return undefined;
  const key = roleKey(role.name);
  const more = powersOf(twin).filter((power) => !powersOf(role).includes(power));
  const isNew = platform.target.state(key)?.definition === factOfRole(twin).definition;
  const wasKnown = platform.baseline.states(key).some((one) => one.definition === factOfRole(role).definition);
  if (isNew && (wasKnown || more.length === 0)) return clusterOwn;
  if (more.length > 0) return { verdict: "failed", why: `it may do more than in the set: ${more.join(", ")}` };
  if (!platform.baseline.knows(key) || (wasKnown && onlyComment(role, twin))) return clusterOwn;
  return { verdict: "failed", why: "neither the set nor a new project of any known version has it so" };
}

function onlyComment(role: Role, twin: Role): boolean {
  return attributes.every((name) => name === "comment" || role[name] === twin[name]);
}

/** Roles that only the target has and that let somebody in or may do what others may not. */
export function extraRoles(
  wanted: readonly Role[],
  present: readonly Role[],
  context: Pick<CompareContext, "platform" | "makers">,
): Difference[] {
  const names = new Set(wanted.map((role) => role.name));
  return present.filter((role) => !names.has(role.name)).flatMap((role) => extraRole(role, context));
}

function extraRole(role: Role, { platform, makers }: Pick<CompareContext, "platform" | "makers">): Difference[] {
  const base = { kind: "role", identity: role.name, aspect: "extra" as const };
  const failed = (why: string): Difference[] => [
    { ...base, detail: `in the target only: ${powersOf(role).join(", ")}`, verdict: "failed", why },
  ];
  if (makers.has(role.name)) return [];
  if (platform === undefined) {
    return role.superuser ? failed("a superuser that the set does not have may do everything here") : [];
  }
  const known = platform.target.state(roleKey(role.name));
  if (known?.definition === factOfRole(role).definition || powersOf(role).length === 0 || isOver(role)) return [];
  return failed(
    known === undefined ? "neither the set nor a new project has it" : "a new project has it with other powers",
  );
}

/** The CLI makes itself a login for some minutes (`cli_login_postgres`); afterwards nobody can use it. */
function isOver({ name, validUntil }: Role): boolean {
  return name.startsWith("cli_login_") && validUntil !== null && new Date(validUntil).getTime() < Date.now();
}

const lacking = "not in the target";

function compareMemberships(source: Inventory, target: Inventory, context: CompareContext): Difference[] {
  const options = source.serverMajor >= 16 && target.serverMajor >= 16;
  const text = (one: Membership) =>
    membershipKey(options ? one : { ...one, inherit: null }).replace(/^membership /, "");
  const wanted = new Set(source.memberships.map(text));
  const present = new Set(target.memberships.map(text));
  const describe = (line: string, one: Membership, where: string): Difference => {
    const judgement = judgeMembership(one, where === lacking, source, context);
    const identity = `${one.role} to ${one.member}`;
    return { kind: "membership", identity, aspect: "membership", detail: `${line} is ${where}`, ...judgement };
  };
  const unique = (all: readonly Membership[]) => new Map(all.map((one) => [text(one), one]));
  const counts = membershipsThatCount(source, target, context);
  const lost = [...unique(source.memberships)].filter(([line]) => !present.has(line));
  const gained = [...unique(target.memberships)].filter(([line, one]) => !wanted.has(line) && counts(one));
  return [
    ...lost.map(([line, one]) => describe(line, one, lacking)),
    ...gained.map(([line, one]) => describe(line, one, "in the target only")),
  ];
}

function judgeMembership(one: Membership, lost: boolean, source: Inventory, context: CompareContext): Judgement {
  const { platform, makers } = context;
  // createrole_self_grant is empty by default: then the grant that CREATEROLE brings gives nothing but the administration.
  const byMaking = makers.has(one.member) && one.admin && one.inherit === false && one.set === false;
  if (!lost && source.serverMajor < 16 && byMaking) {
    return { verdict: "expected", why: "from PostgreSQL 16 on, whoever makes a role administers it" };
  }
  const reserved = isReservedRole(one.role) && isReservedRole(one.member);
  if (platform !== undefined && reserved) {
    // What the platform's roles are to each other is its own, as long as nobody is more than in a new project.
    if (lost || platform.target.state(membershipKey(one)) !== undefined) return clusterOwn;
    return { verdict: "failed", why: "neither the set nor a new project has it" };
  }
  const why = context.failures.get(`membership ${one.role} to ${one.member}`) ?? "nothing was reported";
  return { verdict: "failed", why };
}

/** Which memberships of the target concern this database: on a shared server those of roles that have nothing here do not. */
function membershipsThatCount(
  source: Inventory,
  target: Inventory,
  { platform }: CompareContext,
): (one: Membership) => boolean {
  const known = new Set(source.roles.map((role) => role.name));
  const isKnown = (role: string) => known.has(role) || role.startsWith("pg_");
  if (platform === undefined) return (one) => isKnown(one.role) && isKnown(one.member);
  const here = new Set<string | null>(
    target.objects.flatMap((object) => [object.owner, ...(object.grants ?? []).map((grant) => grant.grantee)]),
  );
  const strong = new Set(target.roles.filter((role) => powersOf(role).length > 0).map((role) => role.name));
  const members = new Set(target.memberships.map((one) => one.member));
  const gives = (role: string) => isKnown(role) || here.has(role) || strong.has(role) || members.has(role);
  return (one) => gives(one.role) && (isKnown(one.member) || platform.target.state(roleKey(one.member)) !== undefined);
}
