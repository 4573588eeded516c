import { quoteIdentifier, quoteLiteral } from "../identifier.ts";
import { isReservedRole } from "../platform-owned.ts";
import type { Inventory, Membership, Role } from "./model.ts";

/**
 * Roles, their settings and memberships as SQL that can be run again and again: by a person with psql, when all else is
 * gone. No passwords: the backup role can't read them, and a file with verifiers would be a secret of its own.
 */
export function renderRolesSql(
  inventory: Pick<Inventory, "roles" | "memberships" | "database" | "databaseSettings">,
): string {
  const roles = inventory.roles.filter(({ name }) => !name.startsWith("pg_"));
  const lines = [
    "-- Roles, settings and memberships. Passwords are not part of it: set them with \\password.",
    "-- Roles marked `platform` exist in every Supabase project; there, statements about them may be refused.",
    "SET client_encoding = 'UTF8';",
    "SET standard_conforming_strings = on;",
    ...roles.flatMap(renderRole),
    ...inventory.memberships.map(renderMembership),
    ...roles.flatMap((role) => renderSettings(role, inventory.database)),
    ...inventory.databaseSettings.map(
      (setting) => `ALTER DATABASE ${quoteIdentifier(inventory.database)} SET ${assignment(setting)};`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function renderRole(role: Role): string[] {
  const name = quoteIdentifier(role.name);
  const attributes = [
    role.inherit ? "INHERIT" : "NOINHERIT",
    role.login ? "LOGIN" : "NOLOGIN",
    // Only when they are on: even to say NOSUPERUSER takes a superuser, which nobody is on Supabase.
    ...(role.superuser ? ["SUPERUSER"] : []),
    ...(role.createRole ? ["CREATEROLE"] : []),
    ...(role.createDb ? ["CREATEDB"] : []),
    ...(role.replication ? ["REPLICATION"] : []),
    ...(role.bypassRls ? ["BYPASSRLS"] : []),
    `CONNECTION LIMIT ${role.connectionLimit}`,
    ...(role.validUntil === null ? [] : [`VALID UNTIL ${quoteLiteral(role.validUntil)}`]),
  ].join(" ");
  const mark = isReservedRole(role.name) ? " -- platform" : "";
  return [
    "",
    // Quoted once more, and not between dollars: a role's name may hold whatever would end them.
    `DO ${quoteLiteral(createUnlessThere(role.name))};${mark}`,
    `ALTER ROLE ${name} WITH ${attributes};${mark}`,
    ...(role.comment === null ? [] : [`COMMENT ON ROLE ${name} IS ${quoteLiteral(role.comment)};${mark}`]),
  ];
}

function createUnlessThere(name: string): string {
  return `BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ${quoteLiteral(name)}) THEN CREATE ROLE ${quoteIdentifier(name)}; END IF; END`;
}

/** GRANT of an existing membership is a notice, not an error. INHERIT and SET exist from PostgreSQL 16 on. */
function renderMembership({ role, member, admin, inherit, set }: Membership): string {
  const options = [
    `ADMIN ${admin ? "TRUE" : "FALSE"}`,
    ...(inherit === null ? [] : [`INHERIT ${inherit ? "TRUE" : "FALSE"}`]),
    ...(set === null ? [] : [`SET ${set ? "TRUE" : "FALSE"}`]),
  ];
  const modern = inherit !== null || set !== null;
  const tail = modern ? ` WITH ${options.join(", ")}` : admin ? " WITH ADMIN OPTION" : "";
  const mark = isReservedRole(member) && isReservedRole(role) ? " -- platform" : "";
  return `GRANT ${quoteIdentifier(role)} TO ${quoteIdentifier(member)}${tail};${mark}`;
}

function renderSettings(role: Role, database: string): string[] {
  const mark = isReservedRole(role.name) ? " -- platform" : "";
  return role.settings.map(({ setting, database: here }) => {
    const where = here ? ` IN DATABASE ${quoteIdentifier(database)}` : "";
    return `ALTER ROLE ${quoteIdentifier(role.name)}${where} SET ${assignment(setting)};${mark}`;
  });
}

/** Settings whose value is a list of names: quoted one by one, as pg_dump does (variable_is_guc_list_quote). */
const listSettings = new Set([
  "local_preload_libraries",
  "search_path",
  "session_preload_libraries",
  "shared_preload_libraries",
  "temp_tablespaces",
  "unix_socket_directories",
]);

/** `name=value` as the catalogue keeps it, to `name TO value`. An empty name in a list is only understood as a literal. */
export function assignment(setting: string): string {
  const at = setting.indexOf("=");
  const name = setting.slice(0, at);
  const value = setting.slice(at + 1);
  const quotedName = name.split(".").map(quoteIdentifier).join(".");
  if (!listSettings.has(name.toLowerCase())) return `${quotedName} TO ${quoteLiteral(value)}`;
  return `${quotedName} TO ${splitNames(value).map(quoteLiteral).join(", ")}`;
}

/** `"$user", public` → `$user`, `public`. */
function splitNames(list: string): string[] {
  const names = [...list.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,"]+))\s*(?:,|$)/g)];
  return names.map(([, quoted, bare]) => (quoted === undefined ? (bare ?? "").trim() : quoted.replaceAll('""', '"')));
}

/** Roles of the cluster but Postgres' own. Passwords are never read. */
export const rolesQuery = `
  select r.rolname as name, r.rolsuper as superuser, r.rolinherit as inherit, r.rolcreaterole as "createRole",
         r.rolcreatedb as "createDb", r.rolcanlogin as login, r.rolreplication as replication,
         r.rolbypassrls as "bypassRls", r.rolconnlimit as "connectionLimit", r.rolvaliduntil::text as "validUntil",
         coalesce((select json_agg(json_build_object('setting', c, 'database', s.setdatabase <> 0)
                            order by s.setdatabase <> 0, c collate "C")
                     from pg_db_role_setting s cross join unnest(s.setconfig) c
                    where s.setrole = r.oid
                      and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))),
                  '[]') as settings,
         shobj_description(r.oid, 'pg_authid') as comment
    from pg_roles r
   where r.rolname !~ '^pg_'
   order by r.rolname collate "C"`;

/**
 * Who is a member of what, but for what pg_monitor is from the start. The options INHERIT and SET exist from PostgreSQL 16
 * on.
 */
export const membershipsQuery = `
  select pg_get_userbyid(m.roleid) as role, pg_get_userbyid(m.member) as member, pg_get_userbyid(m.grantor) as grantor,
         m.admin_option as admin, (to_jsonb(m)->>'inherit_option')::boolean as inherit,
         (to_jsonb(m)->>'set_option')::boolean as set
    from pg_auth_members m
   where not (pg_get_userbyid(m.member) = 'pg_monitor'
              and pg_get_userbyid(m.roleid) in ('pg_read_all_settings', 'pg_read_all_stats', 'pg_stat_scan_tables'))
   order by 1, 2, 3`;

/** ALTER ROLE ALL SET: for everybody in all databases. */
export const everybodysSettingsQuery = `
  select c as setting
    from pg_db_role_setting s cross join unnest(s.setconfig) c
   where s.setrole = 0 and s.setdatabase = 0
   order by c collate "C"`;

export const databaseSettingsQuery = `
  select c as setting
    from pg_db_role_setting s cross join unnest(s.setconfig) c
   where s.setrole = 0 and s.setdatabase = (select oid from pg_database where datname = current_database())
   order by c collate "C"`;
