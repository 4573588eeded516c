import type { Client } from "pg";
import { z } from "zod";
import { few } from "../../base/measures.ts";
import { ownSchema } from "../../postgres/inventory/object-query.ts";
import { strayOids } from "../../postgres/inventory/references.ts";
import { type CheckRow, fail, ok, warn } from "./check-row.ts";

const advice = "Use the backup role of runbooks/sql/backup-role.sql, or grant it: ";

async function names(client: Client, sql: string): Promise<string[]> {
  const { rows } = await client.query(sql);
  return z
    .array(z.object({ name: z.string() }))
    .parse(rows)
    .map(({ name }) => name);
}

const relation =
  "quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace";

/**
 * pg_dump locks every table, an extension's own too, which takes SELECT on it (pg_dump.c, getTables). Materialised views
 * are read for their fingerprints.
 */
const unreadableTables = `
  select ${relation}
   where c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't' and ${ownSchema("n")}
     and not has_table_privilege(c.oid, 'SELECT') order by 1`;

/** In CASE, because the server may ask before it filters, and has_sequence_privilege fails on what is no sequence. */
const unreadableSequences = `
  select ${relation}
    left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0 and d.deptype = 'e'
    left join pg_extension e on e.oid = d.refobjid
   where c.relkind = 'S' and c.relpersistence <> 't' and ${ownSchema("n")}
     and (d.objid is null or c.oid = any (e.extconfig))
     and case when c.relkind = 'S' then not has_sequence_privilege(c.oid, 'SELECT') end order by 1`;

const closedSchemas = `
  select quote_ident(n.nspname) as name from pg_namespace n
   where ${ownSchema("n")} and not has_schema_privilege(n.oid, 'USAGE')
     and exists (select from pg_class c where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'm', 'S')) order by 1`;

/** pg_read_all_data does not cover large objects; lo_compat_privileges switches their checks off. */
const unreadableLargeObjects = `
  select m.oid::int8::text as name from pg_largeobject_metadata m
   where current_setting('lo_compat_privileges') = 'off'
     and not (select rolsuper from pg_roles where rolname = current_user)
     and not pg_has_role(m.lomowner, 'USAGE')
     and not exists (select from aclexplode(m.lomacl) a
                      where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(a.grantee, 'USAGE')))
   order by m.oid`;

/** As check_enable_rls decides (rls.c): BYPASSRLS is not inherited, owners pass unless row security is forced. */
const rowSecurity = `
  select ${relation}
   where c.relrowsecurity and c.relkind in ('r', 'p') and ${ownSchema("n")}
     and not (select rolsuper or rolbypassrls from pg_roles where rolname = current_user)
     and (c.relforcerowsecurity or not pg_has_role(c.relowner, 'USAGE')) order by 1`;

const subscriptions = `
  select quote_ident(s.subname) as name from pg_subscription s
   where s.subdbid = (select oid from pg_database where datname = current_database())
     and not (select rolsuper from pg_roles where rolname = current_user)`;

/** What the role cannot read, by name: each would make the backup fail, or worse, be silently incomplete. */
export async function checkReadAccess(client: Client): Promise<CheckRow[]> {
  const rows: CheckRow[] = [];
  const add = async (check: string, sql: string, good: string, next: string): Promise<void> => {
    const found = await names(client, sql);
    rows.push(
      found.length === 0 ? ok(check, good) : fail(check, `cannot read ${found.length}: ${few(found, 30)}`, next),
    );
  };
  await add("schemas", closedSchemas, "all can be entered", `${advice}GRANT pg_read_all_data TO <role>.`);
  await add("tables", unreadableTables, "all can be read", `${advice}GRANT pg_read_all_data TO <role>.`);
  await add("sequences", unreadableSequences, "all can be read", `${advice}GRANT pg_read_all_data TO <role>.`);
  await add(
    "large objects",
    unreadableLargeObjects,
    "all can be read",
    "As their owner: GRANT SELECT ON LARGE OBJECT <oid> TO <role>; runbooks/sql/backup-role.sql has a loop for it.",
  );
  const hidden = await names(client, rowSecurity);
  rows.push(
    hidden.length === 0
      ? ok("row security", "hides no row from this role")
      : fail(
          "row security",
          `would hide rows of ${hidden.length}: ${few(hidden, 30)}`,
          "ALTER ROLE <role> BYPASSRLS, as runbooks/sql/backup-role.sql does.",
        ),
  );
  const left = await names(client, subscriptions);
  if (left.length > 0) {
    rows.push(
      warn(
        "subscriptions",
        `only a superuser's dump carries ${few(left, 30)}`,
        "Note how to make them again: their connection strings are in no backup.",
      ),
    );
  }
  const stray = await strayOids(client);
  if (stray.length > 0) {
    rows.push(
      warn(
        "stored OIDs",
        `numbers of tables, functions or roles that mean nothing in a copy: ${few(stray, 30)}`,
        "Store names instead: a column of type regclass, regprocedure or regrole travels as a name.",
      ),
    );
  }
  return rows;
}
