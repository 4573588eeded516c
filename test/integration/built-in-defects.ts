import type { PlatformDefect } from "./platform-defects.ts";

const setForAll = "alter role all set search_path = theirs";
const replaced =
  "create or replace function pg_catalog.has_table_privilege(name, oid, text) returns boolean language sql";

/** What only a superuser can leave behind: rights on what PostgreSQL itself brings, changes to it, settings for all. */
export const builtInDefects: readonly PlatformDefect[] = [
  // Rights
  [
    "the passwords' hashes to be read by anon",
    "grant select on pg_authid to anon",
    "table pg_catalog.pg_authid grants",
    "SELECT to anon on table pg_catalog.pg_authid",
  ],
  [
    "a column of them to be read by authenticated",
    "grant select (rolpassword) on pg_authid to authenticated",
    "table pg_catalog.pg_authid grants",
  ],
  [
    "the server's files to be read by anon",
    "grant execute on function pg_read_file(text) to anon",
    "function pg_catalog.pg_read_file(pg_catalog.text) grants",
    "EXECUTE to anon on function pg_catalog.pg_read_file(pg_catalog.text)",
  ],
  [
    "the server's folders to be listed by all",
    "grant execute on function pg_ls_dir(text) to public",
    "function pg_catalog.pg_ls_dir(pg_catalog.text) grants",
  ],
  [
    "files to be written by a role of the user's",
    "grant execute on function lo_export(oid, text) to teacher",
    "function pg_catalog.lo_export(pg_catalog.oid,pg_catalog.text) grants",
  ],
  [
    "statistics, which hold values, to be read by authenticated",
    "grant select on pg_statistic to authenticated with grant option",
    "table pg_catalog.pg_statistic grants",
  ],
  [
    "a view that PostgreSQL keeps to itself to be read by all",
    "grant select on information_schema._pg_user_mappings to public",
    "view information_schema._pg_user_mappings grants",
  ],
  [
    "PostgreSQL's own schema to be written by anon",
    "grant create on schema pg_catalog to anon",
    "schema pg_catalog grants",
  ],
  [
    "a superuser's setting for anon",
    "grant set on parameter session_replication_role to anon",
    "parameter ACL session_replication_role grants",
    "SET to anon on parameter ACL session_replication_role",
  ],
  [
    "the server's settings for authenticated",
    "grant alter system on parameter shared_preload_libraries to authenticated",
    "parameter ACL shared_preload_libraries grants",
  ],
  ["a tablespace for anon", "grant create on tablespace pg_default to anon", "tablespace pg_default grants"],
  [
    "a right that all have from the start taken from them",
    "revoke execute on function pg_sleep(double precision) from public",
    "function pg_catalog.pg_sleep(double precision) grants",
  ],
  [
    "the users to be read by the API's login",
    "grant select on auth.users to authenticator",
    "table auth.users grants",
    "SELECT to authenticator on table auth.users",
  ],
  ["the users to be read by the pooler's login", "grant select on auth.users to pgbouncer", "table auth.users grants"],
  [
    "a role of PostgreSQL's own that becomes the auth server",
    "grant supabase_auth_admin to pg_monitor",
    "membership supabase_auth_admin to pg_monitor membership",
  ],
  ["the large object of everybody", "grant select on large object 4711 to public", "large object 4711 grants"],
  // What PostgreSQL brings, changed
  [
    "a function of PostgreSQL's replaced",
    `${replaced} stable as 'select true'`,
    "function pg_catalog.has_table_privilege(pg_catalog.name,pg_catalog.oid,pg_catalog.text) definition",
    "function pg_catalog.has_table_privilege(pg_catalog.name,pg_catalog.oid,pg_catalog.text), which a new project has otherwise",
  ],
  [
    "one written in SQL replaced",
    "create or replace function pg_catalog.lpad(text, int) returns text language sql immutable as 'select $1'",
    "function pg_catalog.lpad(pg_catalog.text,integer) definition",
  ],
  [
    "one that runs with its owner's rights",
    "alter function pg_read_file(text) security definer",
    "function pg_catalog.pg_read_file(pg_catalog.text) definition",
  ],
  [
    "one that belongs to anon",
    "alter function pg_read_file(text) owner to anon",
    "function pg_catalog.pg_read_file(pg_catalog.text) definition",
  ],
  [
    "a view of PostgreSQL's replaced",
    `create or replace view information_schema.information_schema_catalog_name as
       select current_database()::information_schema.sql_identifier as catalog_name where false`,
    "view information_schema.information_schema_catalog_name definition",
  ],
  [
    "an operator of PostgreSQL's changed",
    "alter operator pg_catalog.= (int, int) set (restrict = none)",
    "operator pg_catalog.=(integer,integer) definition",
  ],
  ["a language of anon's", "alter language plpgsql owner to anon", "language plpgsql definition"],
  // Put among it
  [
    "a function more in pg_catalog",
    "create function pg_catalog.more() returns int language sql as 'select 1'",
    "function pg_catalog.more() extra",
    "function pg_catalog.more()",
  ],
  [
    "a view more in information_schema",
    "create view information_schema.more as select * from auth.users",
    "view information_schema.more extra",
    "view information_schema.more",
  ],
  [
    "an operator more in pg_catalog",
    "create operator pg_catalog.=== (leftarg = int, rightarg = int, function = int4eq)",
    "operator pg_catalog.===(integer,integer) extra",
  ],
  [
    "a way to sort more in pg_catalog",
    "create operator class pg_catalog.more for type public.grade using btree as operator 1 <(int, int), function 1 btint4cmp(int, int)",
    "operator class pg_catalog.more USING btree extra",
  ],
  [
    "a cast between PostgreSQL's own types",
    "create cast (int as text) with inout as implicit",
    "cast (integer AS pg_catalog.text) extra",
  ],
  [
    "a dictionary more in pg_catalog",
    "create text search dictionary pg_catalog.more (template = simple)",
    "text search dictionary pg_catalog.more extra",
  ],
  // For all
  ["a setting of all roles", setForAll, "role ALL settings", "setting search_path of all roles"],
  ["another limit of connections", "alter role anon connection limit 5", "role anon definition"],
  ["a role that ends", "alter role service_role valid until '2030-01-01'", "role service_role definition"],
  [
    "a role that anon may pass on",
    "grant teacher to authenticated with admin option",
    "membership teacher to authenticated membership",
  ],
  ["a foreign server for anon", "grant usage on foreign server elsewhere to anon", "server elsewhere grants"],
];
