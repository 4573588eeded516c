import type { Client } from "pg";
import { z } from "zod";
import { quoteIdentifier, quoteLiteral } from "../../../postgres/identifier.ts";
import { type Inventory, type Membership, membershipSchema, type Role } from "../../../postgres/inventory/model.ts";
import { assignment, membershipsQuery } from "../../../postgres/inventory/roles.ts";
import { isReservedRole } from "../../../postgres/platform-owned.ts";
import { roleKey } from "../../../supabase/platform/fact.ts";
import { attemptAgain, attemptEach, attemptKeyed, type Keyed } from "../../target/sessions.ts";
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
  const statements: Keyed[] = [];
  const present = new Map(facts.inventory.roles.map((role) => [role.name, role]));
  for (const role of source.roles) {
    const name = quoteIdentifier(role.name);
    const run = (sql: string) => statements.push([`role ${role.name}`, sql]);
    const twin = present.get(role.name);
    const platforms = facts.supabase && isReservedRole(role.name);
    // A platform's role that is missing comes with the extension that wants it, made by the platform itself.
    if (platforms && twin === undefined) continue;
    if (twin === undefined) run(`CREATE ROLE ${name} NOLOGIN`);
    if (!platforms && role.name !== facts.role) {
      const wanted = attributeWords(role);
      const has = twin === undefined ? attributeWords(bareRole) : attributeWords(twin);
      for (const word of wanted.filter((one) => !has.includes(one))) run(`ALTER ROLE ${name} ${word}`);
      if (role.comment !== (twin?.comment ?? null)) {
        run(`COMMENT ON ROLE ${name} IS ${role.comment === null ? "NULL" : quoteLiteral(role.comment)}`);
      }
    }
  }
  return attemptKeyed(client, statements);
}

/**
 * Gives roles and the database the settings that they had at the source. Comes last: sessions that are opened later start
 * with them, and one that says `default_transaction_read_only` would end the restore.
 *
 * @returns reasons by `role <name>`, and `database settings`
 */
export async function settleSettings(client: Client, source: Inventory, facts: TargetFacts): Promise<Failures> {
  const statements: Keyed[] = [];
  const present = new Map(facts.inventory.roles.map((role) => [role.name, role]));
  const run = (key: string, sql: string) => statements.push([key, sql]);
  for (const role of source.roles) {
    const twin = present.get(role.name);
    if (facts.supabase && isReservedRole(role.name) && twin === undefined) continue;
    for (const { setting, database } of role.settings) {
      if (twin?.settings.some((one) => one.setting === setting && one.database === database)) continue;
      const where = database ? ` IN DATABASE ${quoteIdentifier(facts.inventory.database)}` : "";
      run(`role ${role.name}`, `ALTER ROLE ${quoteIdentifier(role.name)}${where} SET ${assignment(setting)}`);
    }
  }
  for (const { role, setting } of takenAtSource(source, facts)) {
    run(
      `role ${role}`,
      `ALTER ROLE ${quoteIdentifier(role)} RESET ${setting.split(".").map(quoteIdentifier).join(".")}`,
    );
  }
  const comment = databaseComment(source);
  if (comment !== databaseComment(facts.inventory)) {
    const database = quoteIdentifier(facts.inventory.database);
    run("database current", `COMMENT ON DATABASE ${database} IS ${comment === null ? "NULL" : quoteLiteral(comment)}`);
  }
  for (const setting of source.databaseSettings) {
    if (facts.inventory.databaseSettings.includes(setting)) continue;
    run("database settings", `ALTER DATABASE ${quoteIdentifier(facts.inventory.database)} SET ${assignment(setting)}`);
  }
  return attemptKeyed(client, statements);
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
  const others = [...owners].filter((owner) => owner !== facts.role && !isReservedRole(owner));
  const to = quoteIdentifier(facts.role);
  await attemptEach(client, others, (owner) => `GRANT ${quoteIdentifier(owner)} TO ${to}${how}`);
}

/**
 * Memberships among users' roles exactly as they were; those among the platform's own are left alone.
 * @returns reasons by `membership <role> to <member>`
 */
export async function settleMemberships(client: Client, source: Inventory, facts: TargetFacts): Promise<Failures> {
  const present = z.array(membershipSchema).parse((await client.query(membershipsQuery)).rows);
  const known = new Set(source.roles.map((role) => role.name));
  const mine = (one: Membership) =>
    (known.has(one.role) || one.role.startsWith("pg_")) &&
    known.has(one.member) &&
    !(facts.supabase && isReservedRole(one.role) && isReservedRole(one.member));
  const options = source.serverMajor >= 16 && facts.major >= 16;
  const same = (a: Membership, b: Membership) =>
    a.role === b.role &&
    a.member === b.member &&
    a.admin === b.admin &&
    (!options || (a.inherit === b.inherit && a.set === b.set));
  const excess = present.filter(
    (one) => mine(one) && one.grantor === facts.role && !source.memberships.some((other) => same(one, other)),
  );
  await attemptEach(
    client,
    excess,
    ({ role, member }) => `REVOKE ${quoteIdentifier(role)} FROM ${quoteIdentifier(member)}`,
  );
  const lacking = source.memberships.filter((one) => mine(one) && !present.some((other) => same(one, other)));
  // Administrators first: they are the grantors of the others.
  lacking.sort((a, b) => Number(b.admin) - Number(a.admin));
  const failures = await attemptAgain(client, lacking, (one) => membershipStatement(one, options));
  return new Map([...failures].map(([{ role, member }, reason]) => [`membership ${role} to ${member}`, reason]));
}

/** As the grantor that it had, so that two grants of one membership stay two; else as whoever may. */
function membershipStatement(one: Membership, options: boolean): string {
  const newer = ` WITH ADMIN ${one.admin}, INHERIT ${one.inherit}, SET ${one.set}`;
  const how = options ? newer : one.admin ? " WITH ADMIN OPTION" : "";
  const grant = `GRANT ${quoteIdentifier(one.role)} TO ${quoteIdentifier(one.member)}${how}`;
  const asGrantor = `${grant} GRANTED BY ${quoteIdentifier(one.grantor)}`;
  return `do ${quoteLiteral(`begin ${asGrantor}; exception when others then ${grant}; end`)}`;
}
