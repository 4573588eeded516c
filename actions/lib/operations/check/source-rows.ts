import type { Client } from "pg";
import { z } from "zod";
import { few } from "../../base/measures.ts";
import { type ConnectionSettings, isLocal, refOfDirectHost, regionOfPooler } from "../../config/connection-url.ts";
import type { Policy } from "../../config/policy/policy.ts";
import type { ClientTools } from "../../postgres/connect/client-tools.ts";
import { askEach } from "../../postgres/connect/connect.ts";
import { ownSchema } from "../../postgres/inventory/object-query.ts";
import { strayOids } from "../../postgres/inventory/references.ts";
import { type CheckRow, fail, ok, warn } from "./check-row.ts";

/** How the database is reached; nothing is asked of it. */
export function checkConnectionKind(settings: ConnectionSettings, regions: readonly string[]): CheckRow[] {
  const { host, port } = settings;
  const kind = host.startsWith("/")
    ? "a Unix socket"
    : isLocal(host)
      ? "this machine"
      : host.endsWith(".pooler.supabase.com")
        ? "Supabase's session pooler"
        : refOfDirectHost(host) !== undefined
          ? "Supabase's direct host"
          : "a server";
  const tls =
    settings.tls.mode === "off"
      ? ok("TLS", "not used: the connection does not leave this machine")
      : ok(
          "TLS",
          `verified against ${settings.tls.ca === undefined ? "the system's roots" : "the given root"} and the name ${host}`,
        );
  const region = regionOfPooler(settings);
  const place =
    region === undefined
      ? []
      : [
          regions.includes(region)
            ? ok("source region", region)
            : warn(
                "source region",
                `${region}; the policy allows ${regions.join(", ")}`,
                "Nothing is sent there, but a restore into this project would be refused: have the policy's regions reviewed.",
              ),
        ];
  return [
    ok("connection", `${kind}, ${host}:${port}, user ${settings.user}, database ${settings.database}`),
    tls,
    ...place,
  ];
}

const serverSchema = z.object({
  version: z.string(),
  major: z.number(),
  superuser: z.boolean(),
  readOnly: z.boolean(),
  role: z.string(),
  timeout: z.string(),
  roleTimeout: z.string(),
  standby: z.boolean(),
  connectionsLeft: z.number(),
  roleLeft: z.number().nullable(),
  tables: z.number(),
  locksPerTransaction: z.number(),
  lockTable: z.number(),
});
export type ServerFacts = z.infer<typeof serverSchema>;

export async function readServerFacts(client: Client): Promise<ServerFacts> {
  const { rows } = await client.query(`
    select split_part(current_setting('server_version'), ' ', 1) as version,
           current_setting('server_version_num')::int / 10000 as major,
           r.rolsuper as superuser, r.rolname as role,
           current_setting('default_transaction_read_only') = 'on' as "readOnly",
           current_setting('statement_timeout') as timeout,
           (select reset_val || coalesce(unit, '') from pg_settings where name = 'statement_timeout') as "roleTimeout",
           pg_is_in_recovery() as standby,
           current_setting('max_connections')::int
             - case when r.rolsuper then 0 else current_setting('superuser_reserved_connections')::int end
             - (select count(*) from pg_stat_activity where backend_type = 'client backend')::int as "connectionsLeft",
           case when r.rolconnlimit >= 0 then
             r.rolconnlimit - (select count(*) from pg_stat_activity where usename = r.rolname)::int end as "roleLeft",
           (select count(*)::int from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where relkind in ('r', 'p', 'm') and relpersistence <> 't' and ${ownSchema("n")}) as tables,
           current_setting('max_locks_per_transaction')::int as "locksPerTransaction",
           current_setting('max_locks_per_transaction')::int
             * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int) as "lockTable"
      from pg_roles r where r.rolname = current_user`);
  return serverSchema.parse(rows[0]);
}

/** Beside the sessions that read rows: one holds the snapshot, one asks for fingerprints, one watches. */
const sessionsBeside = 3;

export function checkServer(facts: ServerFacts, tools: ClientTools | undefined, policy: Policy["source"]): CheckRow[] {
  const rows: CheckRow[] = [];
  if (tools !== undefined) rows.push(ok("versions", `server ${facts.version}, pg_dump ${tools.version}`));
  rows.push(checkRole(facts));
  rows.push(
    facts.timeout === "0"
      ? ok("statement timeout", `off in Lifeboat's sessions (the role's default is ${facts.roleTimeout})`)
      : fail(
          "statement timeout",
          `stays at ${facts.timeout} although the session asked for 0`,
          "Connect directly or through the session pooler.",
        ),
  );
  if (facts.standby) {
    rows.push(
      fail("primary", "the server is a standby, which cannot export a snapshot", "Name the primary in DATABASE_URL."),
    );
  }
  rows.push(checkConnections(facts, policy), checkLockTable(facts));
  return rows;
}

/**
 * The session that holds the snapshot locks every table, and the schema's pg_dump does so again. The server's lock table is
 * everybody's, and its size a rule of thumb: what was set, and a little more (lock.c, NLOCKENTS).
 */
function checkLockTable({ tables, locksPerTransaction, lockTable }: ServerFacts): CheckRow {
  const needed = 2 * tables;
  const found = `${tables} tables need up to ${needed} locks; the server has room for about ${lockTable}, for everybody`;
  if (needed <= 0.8 * lockTable) return ok("lock table", found);
  const wanted = Math.ceil((locksPerTransaction * needed) / (0.8 * lockTable) / 64) * 64;
  return warn(
    "lock table",
    found,
    `Raise max_locks_per_transaction to ${wanted}; on Supabase: supabase postgres-config update --config max_locks_per_transaction=${wanted}.`,
  );
}

function checkRole(facts: ServerFacts): CheckRow {
  const next = "Make the read-only backup role of runbooks/sql/backup-role.sql and use it in DATABASE_URL.";
  if (facts.superuser)
    return warn("role", `${facts.role} is a superuser: a leaked secret would give away everything`, next);
  if (facts.role === "postgres")
    return warn("role", "postgres can write: a leaked secret would give away the database", next);
  if (!facts.readOnly) {
    return warn(
      "role",
      `${facts.role} may write unless told otherwise`,
      `ALTER ROLE ${facts.role} SET default_transaction_read_only = on.`,
    );
  }
  return ok("role", `${facts.role}, read-only`);
}

/** One session that reads is enough; how many there are to be is found out as they read. */
function checkConnections(facts: ServerFacts, policy: Policy["source"]): CheckRow {
  const least = 1 + sessionsBeside;
  const most = policy.jobs + sessionsBeside;
  // The preflight's own session is counted by the server and is free again before the backup's begin.
  const left = Math.min(facts.connectionsLeft, facts.roleLeft ?? Number.POSITIVE_INFINITY) + 1;
  const found = `needs ${least} to ${most}, the server has ${left} left, the policy allows ${policy.connectionBudget}`;
  if (most > policy.connectionBudget)
    return fail("connections", found, "Lower source.jobs or raise source.connectionBudget in the policy.");
  if (least > left)
    return fail("connections", found, "Raise the role's or the server's limit, or run at a quieter hour.");
  return ok("connections", found);
}

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
  const asked = [
    closedSchemas,
    unreadableTables,
    unreadableSequences,
    unreadableLargeObjects,
    rowSecurity,
    subscriptions,
  ];
  const [schemas, tables, sequences, objects, hidden, left] = await askEach(client, asked, (sql) => names(client, sql));
  const add = (
    check: string,
    found: readonly string[] | undefined,
    good: string,
    next: string,
    bad = "cannot read",
  ) => {
    if (found === undefined) throw new Error(`${check} was not asked for.`);
    rows.push(found.length === 0 ? ok(check, good) : fail(check, `${bad} ${found.length}: ${few(found, 30)}`, next));
  };
  add("schemas", schemas, "all can be entered", `${advice}GRANT pg_read_all_data TO <role>.`);
  add("tables", tables, "all can be read", `${advice}GRANT pg_read_all_data TO <role>.`);
  add("sequences", sequences, "all can be read", `${advice}GRANT pg_read_all_data TO <role>.`);
  add(
    "large objects",
    objects,
    "all can be read",
    "As their owner: GRANT SELECT ON LARGE OBJECT <oid> TO <role>; runbooks/sql/backup-role.sql has a loop for it.",
  );
  add(
    "row security",
    hidden,
    "hides no row from this role",
    "ALTER ROLE <role> BYPASSRLS, as runbooks/sql/backup-role.sql does.",
    "would hide rows of",
  );
  if (left !== undefined && left.length > 0) {
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
