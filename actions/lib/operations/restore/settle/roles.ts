import type { Client } from "pg";
import { quoteIdentifier, quoteLiteral } from "../../../postgres/identifier.ts";
import type { Inventory, Membership, Role } from "../../../postgres/inventory/model.ts";
import { assignment } from "../../../postgres/inventory/roles.ts";
import { isReservedRole } from "../../../postgres/platform-owned.ts";
import { roleKey } from "../../../supabase/platform/fact.ts";
import { attempt, attemptInto } from "../../target/sessions.ts";
import type { TargetFacts } from "../../target/target.ts";

/** Reasons by object key (see postgres/inventory/object-query). */
export type Failures = Map<string, string>;

/** Attributes as CREATE ROLE and ALTER ROLE take them, each by itself: what one may not have must not cost the others. */
function attributeWords(role: Role): string[] {
  const flag = (name: string, on: boolean) => (on ? name : `NO${name}`);
  return [
    flag("INHERIT", role.inherit),
    flag("LOGIN", role.login),
    flag("CREATEROLE", role.createRole),
    flag("CREATEDB", role.createDb),
    flag("BYPASSRLS", role.bypassRls),
    flag("REPLICATION", role.replication),
    flag("SUPERUSER", role.superuser),
    `CONNECTION LIMIT ${role.connectionLimit}`,
    ...(role.validUntil === null ? [] : [`VALID UNTIL ${quoteLiteral(role.validUntil)}`]),
  ];
}

/**
 * Makes the roles that the target lacks, without passwords. Attributes of a platform's role stay as they are.
 *
 * @returns reasons by `role <name>`, `membership <role> to <member>`
 */
export async function restoreRoles(client: Client, source: Inventory, facts: TargetFacts): Promise<Failures> {
  const failures: Failures = new Map();
  const present = new Map(facts.inventory.roles.map((role) => [role.name, role]));
  const run = attemptInto(client, failures);
  for (const role of source.roles) {
    const name = quoteIdentifier(role.name);
    const key = `role ${role.name}`;
    const twin = present.get(role.name);
    const platforms = facts.supabase && isReservedRole(role.name);
    // A platform's role that is missing comes with the extension that wants it, made by the platform itself.
    if (platforms && twin === undefined) continue;
    if (twin === undefined) await run(key, `CREATE ROLE ${name} NOLOGIN`);
    if (!platforms && role.name !== facts.role) {
      const wanted = attributeWords(role);
      const has = twin === undefined ? attributeWords(bareRole) : attributeWords(twin);
      for (const word of wanted.filter((one) => !has.includes(one))) await run(key, `ALTER ROLE ${name} ${word}`);
      if (role.comment !== (twin?.comment ?? null)) {
        await run(key, `COMMENT ON ROLE ${name} IS ${role.comment === null ? "NULL" : quoteLiteral(role.comment)}`);
      }
    }
  }
  return failures;
}

/**
 * Gives roles and the database the settings that they had at the source. Comes last: sessions that are opened later start
 * with them, and one that says `default_transaction_read_only` would end the restore.
 *
 * @returns reasons by `role <name>`, and `database settings`
 */
export async function settleSettings(client: Client, source: Inventory, facts: TargetFacts): Promise<Failures> {
  const failures: Failures = new Map();
  const present = new Map(facts.inventory.roles.map((role) => [role.name, role]));
  const run = attemptInto(client, failures);
  for (const role of source.roles) {
    const twin = present.get(role.name);
    if (facts.supabase && isReservedRole(role.name) && twin === undefined) continue;
    for (const { setting, database } of role.settings) {
      if (twin?.settings.some((one) => one.setting === setting && one.database === database)) continue;
      const where = database ? ` IN DATABASE ${quoteIdentifier(facts.inventory.database)}` : "";
      await run(`role ${role.name}`, `ALTER ROLE ${quoteIdentifier(role.name)}${where} SET ${assignment(setting)}`);
    }
  }
  for (const { role, setting } of takenAtSource(source, facts)) {
    await run(
      `role ${role}`,
      `ALTER ROLE ${quoteIdentifier(role)} RESET ${setting.split(".").map(quoteIdentifier).join(".")}`,
    );
  }
  const comment = databaseComment(source);
  if (comment !== databaseComment(facts.inventory)) {
    const database = quoteIdentifier(facts.inventory.database);
    await run(
      "database current",
      `COMMENT ON DATABASE ${database} IS ${comment === null ? "NULL" : quoteLiteral(comment)}`,
    );
  }
  for (const setting of source.databaseSettings) {
    if (facts.inventory.databaseSettings.includes(setting)) continue;
    await run(
      "database settings",
      `ALTER DATABASE ${quoteIdentifier(facts.inventory.database)} SET ${assignment(setting)}`,
    );
  }
  return failures;
}

/** Settings that new projects give a role and that somebody has taken from it at the source, e.g. anon's time limit. */
function takenAtSource(source: Inventory, facts: TargetFacts): { role: string; setting: string }[] {
  const platform = facts.platform?.against(source);
  const nameOf = (text: string) => text.split("=", 1)[0] ?? "";
  const now = new Map(facts.inventory.roles.map((role) => [role.name, role.settings.map(({ setting }) => setting)]));
  return source.roles.flatMap(({ name, settings }) => {
    const has = new Set(settings.map(({ setting }) => nameOf(setting)));
    const before = platform?.source?.state(roleKey(name))?.rights;
    return (now.get(name) ?? [])
      .filter((text) => before?.has(text) && !has.has(nameOf(text)))
      .map((text) => ({ role: name, setting: nameOf(text) }));
  });
}

function databaseComment(inventory: Inventory): string | null {
  return inventory.objects.find((object) => object.kind === "database")?.comment ?? null;
}

/** What `CREATE ROLE name NOLOGIN` gives. */
const bareRole: Role = {
  name: "",
  superuser: false,
  inherit: true,
  createRole: false,
  createDb: false,
  login: false,
  replication: false,
  bypassRls: false,
  connectionLimit: -1,
  validUntil: null,
  settings: [],
  comment: null,
};

/**
 * Lets the session act for every role that owns something or has passed a right on: from PostgreSQL 16 on, whoever makes a
 * role may administer it but not become it. What this adds is taken back by `settleMemberships`.
 */
export async function joinOwners(client: Client, source: Inventory, facts: TargetFacts): Promise<void> {
  if (facts.superuser) return;
  const owners = new Set(
    source.objects
      .flatMap(({ owner, grants }) => [owner, ...(grants ?? []).map(({ grantor }) => grantor)])
      .filter((role) => role !== null),
  );
  const how = facts.major >= 16 ? " WITH INHERIT TRUE, SET TRUE" : "";
  for (const owner of owners) {
    if (owner === facts.role || isReservedRole(owner)) continue;
    await attempt(client, `GRANT ${quoteIdentifier(owner)} TO ${quoteIdentifier(facts.role)}${how}`);
  }
}

/** Memberships among users' roles exactly as they were; those among the platform's own are left alone. */
export async function settleMemberships(
  client: Client,
  source: Inventory,
  target: Inventory,
  supabase: boolean,
  session: string,
): Promise<Failures> {
  const failures: Failures = new Map();
  const known = new Set(source.roles.map((role) => role.name));
  const mine = (one: Membership) =>
    (known.has(one.role) || one.role.startsWith("pg_")) &&
    known.has(one.member) &&
    !(supabase && isReservedRole(one.role) && isReservedRole(one.member));
  const options = source.serverMajor >= 16 && target.serverMajor >= 16;
  const same = (a: Membership, b: Membership) =>
    a.role === b.role &&
    a.member === b.member &&
    a.admin === b.admin &&
    (!options || (a.inherit === b.inherit && a.set === b.set));
  const excess = target.memberships.filter(
    (one) => mine(one) && one.grantor === session && !source.memberships.some((other) => same(one, other)),
  );
  for (const one of excess)
    await attempt(client, `REVOKE ${quoteIdentifier(one.role)} FROM ${quoteIdentifier(one.member)}`);
  let left = source.memberships.filter((one) => mine(one) && !target.memberships.some((other) => same(one, other)));
  // Administrators first: they are the grantors of the others.
  left.sort((a, b) => Number(b.admin) - Number(a.admin));
  for (let before = left.length + 1; left.length > 0 && left.length < before; ) {
    before = left.length;
    failures.clear();
    const refused: Membership[] = [];
    for (const one of left) {
      const reason = await grantMembership(client, one, options);
      if (reason === undefined) continue;
      refused.push(one);
      failures.set(`membership ${one.role} to ${one.member}`, reason);
    }
    left = refused;
  }
  return failures;
}

/** As the grantor that it had, so that two grants of one membership stay two; else as whoever may. */
async function grantMembership(client: Client, one: Membership, options: boolean): Promise<string | undefined> {
  const grant = `GRANT ${quoteIdentifier(one.role)} TO ${quoteIdentifier(one.member)}`;
  const newer = ` WITH ADMIN ${one.admin}, INHERIT ${one.inherit}, SET ${one.set}`;
  const how = options ? newer : one.admin ? " WITH ADMIN OPTION" : "";
  const asGrantor = await attempt(client, `${grant}${how} GRANTED BY ${quoteIdentifier(one.grantor)}`);
  return asGrantor === undefined ? undefined : attempt(client, grant + how);
}
