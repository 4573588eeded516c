/**
 * What code can reach. `queue`: pg_net, whose requests wait in a table and can be held back there. `direct`: the outside,
 * at once. `dynamic`: whatever a text says that is put together when it runs. `unknown`: nobody has read that code.
 */
export const reach = { queue: 1, direct: 2, dynamic: 4, unknown: 8 } as const;

/** Any of `reach`, added up; 0 for what provably reaches nothing. */
export type Reach = number;

const all = (kind: Reach, names: string): [string, Reach][] => names.split(/\s+/).map((name) => [name, kind]);

/**
 * Extensions whose functions are known: PostgreSQL's own (contrib) and those that Supabase offers. Any other one is unknown.
 * pg_cron runs what it is told later on, by itself; tablefunc, pg_graphql and the testing tools run texts; pgmq's texts name
 * its own queues only.
 */
const extensions = new Map<string, Reach>([
  ...all(
    0,
    `address_standardizer address_standardizer_data_us amcheck autoinc bloom btree_gin btree_gist citext cube dict_int dict_xsyn
     earthdistance fuzzystrmatch hstore insert_username intagg intarray isn lo ltree moddatetime pageinspect pg_buffercache
     pg_freespacemap pg_hashids pg_jsonschema pg_prewarm pg_repack pg_stat_monitor pg_stat_statements pg_surgery pg_trgm
     pg_visibility pg_walinspect pgaudit pgcrypto pgjwt pgmq pgroonga pgrouting pgrowlocks pgsodium pgstattuple plpgsql postgis
     postgis_raster postgis_sfcgal postgis_topology refint rum seg sslinfo supabase_vault supautils tcn tsm_system_rows
     tsm_system_time unaccent uuid-ossp vector`,
  ),
  ...all(reach.queue, "pg_net"),
  ...all(
    reach.direct,
    "dblink file_fdw http postgres_fdw wrappers xml2 pgsql-http clickhouse_fdw mysql_fdw oracle_fdw tds_fdw",
  ),
  ...all(reach.dynamic, "hypopg index_advisor pg_cron pg_graphql pgtap plpgsql_check tablefunc"),
]);

export function reachOfExtension(name: string): Reach {
  return extensions.get(name) ?? reach.unknown;
}

/** Functions of PostgreSQL itself that run a text, or read what a table of another server holds by its number. */
export const builtInReach = new Map<string, Reach>(
  all(
    reach.dynamic,
    `cursor_to_xml cursor_to_xmlschema database_to_xml database_to_xml_and_xmlschema database_to_xmlschema query_to_xml
     query_to_xml_and_xmlschema query_to_xmlschema schema_to_xml schema_to_xml_and_xmlschema schema_to_xmlschema table_to_xml
     table_to_xml_and_xmlschema table_to_xmlschema ts_rewrite ts_stat`,
  ),
);

/** Languages whose texts are read here. Others run SQL put together as they run, or, untrusted, do what they like. */
export function reachOfLanguage(name: string, trusted: boolean): Reach {
  if (name === "sql" || name === "plpgsql" || name === "internal") return 0;
  return trusted ? reach.dynamic : reach.unknown;
}
