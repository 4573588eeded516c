import { sessionPins } from "../postgres/connect/session.ts";
import { quoteLiteral } from "../postgres/identifier.ts";
import { managedSchemaNames, oneTimeColumnsOfUsers, oneTimeTables, rowsThatStay } from "../postgres/platform-owned.ts";

/**
 * The scripts are for psql, read an inventory from standard input, and need nothing of ours. The CSV options are those
 * under which a line of JSON is one field: neither byte can stand in JSON unescaped.
 */
const takeInventory = `\\set ON_ERROR_STOP on
create temp table inventory (document text);
\\copy inventory from pstdin with (format csv, delimiter E'\\x01', quote E'\\x02')`;

/** What prints names prints them in full, and nobody's own functions are met. */
const session = `set client_min_messages = warning;
set statement_timeout = 0;
set search_path = pg_catalog;`;

/** Vault's secrets have an artifact of their own (`isVaultSecrets`). */
const secretsOfInventory = "(t ->> 'schema' = 'vault' and t ->> 'name' = 'secrets' and t ->> 'carried' = 'false')";

const objectsOfInventory = `create temp table object as
  select o ->> 'kind' as kind, o ->> 'identity' as identity, o ->> 'schema' as schema, o ->> 'classId' as class,
         o ->> 'oid' as oid, o ->> 'owner' as owner, o ->> 'extension' as extension, o ->> 'definition' as definition,
         (o ->> 'listed')::boolean as listed
    from pg_temp.inventory, json_array_elements(document::json -> 'objects') o;
create temp table managed as select unnest(array[${managedSchemaNames().map(quoteLiteral).join(", ")}]) as name;
create temp table there as
  select i.type as kind, i.identity
    from (${identifiable().join(" union all ")}) c (class, oid), pg_identify_object(class, oid, 0) i;
-- Supabase's own things come with every project of its, in that project's version.
alter table object add platform boolean;
update object o set platform = extension is not null or case
    when kind = 'policy' then false
    when kind = 'trigger' then exists (select from managed m
      where o.definition ~ ('EXECUTE FUNCTION "?' || m.name || '"?[.]') and m.name <> 'supabase_functions')
    when kind = 'schema' then identity in (select name from managed)
    when schema is null or kind = 'default acl' then owner ~ '^(supabase_|pgbouncer$|pgsodium|pgtle_admin$|dashboard_user$|authenticator$)'
    else schema in (select name from managed) and owner is distinct from 'postgres' end;`;

function identifiable(): string[] {
  const catalogues = [
    ...["am", "cast", "class", "collation", "constraint", "conversion", "default_acl", "event_trigger", "extension"],
    ...["foreign_data_wrapper", "foreign_server", "language", "namespace", "opclass", "operator", "opfamily", "policy"],
    ...["proc", "publication", "publication_rel", "rewrite", "statistic_ext", "transform", "trigger", "ts_config"],
    ...["ts_dict", "ts_parser", "ts_template", "type"],
  ];
  return catalogues.map((name) => `select tableoid, oid from pg_${name}`);
}

/** What a new database or project would not have. */
export function renderOccupiedScript(): string {
  return `${session}
select oid::regclass from pg_class c
 where relkind in ('r', 'p', 'v', 'm', 'f', 'S') and relpersistence <> 't' and relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
   and relnamespace::regnamespace::text not in (${managedSchemaNames().map(quoteLiteral).join(", ")})
   and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
 limit 1;`;
}

/**
 * Of a Supabase project: what its default privileges would grant to everybody on all that is made is not granted (the
 * recorded ones come back with the post-data), and the role may make others the owners of what it makes.
 */
export function renderBeforeScript(): string {
  return `${session}
do $$
declare
  one record;
  how text := case when current_setting('server_version_num')::int >= 160000 then ' with inherit true, set true' else '' end;
begin
  for one in select distinct defaclnamespace::regnamespace::text as schema, defaclobjtype as what, grantee::regrole::text as grantee
               from pg_default_acl, aclexplode(defaclacl)
              where defaclrole = current_user::regrole and defaclnamespace <> 0 and grantee <> 0
  loop
    execute format('alter default privileges in schema %s revoke all on %s from %s', one.schema,
      case one.what when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' else 'schemas' end, one.grantee);
  end loop;
  for one in select rolname from pg_roles where not rolsuper and rolname <> current_user and rolname !~ '^(pg_|supabase_|pgbouncer|dashboard_user)'
  loop
    begin
      execute format('grant %I to current_user%s', one.rolname, how);
    exception when others then null;
    end;
  end loop;
end $$;`;
}

/** Says which entries of schema.list are wanted: what the target has already is its own, what it cannot have is named. */
export function renderChooseScript(): string {
  return `${takeInventory}
${session}
create temp table line (place int generated always as identity, line text);
\\copy line (line) from 'schema.list' with (format csv, delimiter E'\\x01', quote E'\\x02')
${objectsOfInventory}
create temp table entry as
  select place, m[1] as id, m[2] as class, m[3] as oid, m[4] as rest
    from (select place, regexp_match(line, '^([0-9]+); ([0-9]+) ([0-9]+) (.*)$') as m from line) l where m is not null;
create temp table missing as
  select identity from object where kind = 'extension'
     and trim(both '"' from identity) not in (select name from pg_available_extensions);
do $$ declare one text; begin
  for one in select identity from missing loop raise warning 'extension % is not to be had here, and left out', one; end loop;
end $$;
create temp table kept as
  select e.place, e.id from entry e left join object o on o.class = e.class and o.oid = e.oid and e.class <> '0'
   where case
     when o.kind = 'default acl' then not (o.platform and not (select rolsuper from pg_roles where rolname = current_user))
     when o.kind is not null then not exists (select from there t where t.kind = o.kind and t.identity = o.identity)
       and not (o.platform and not (select rolsuper from pg_roles where rolname = current_user) and o.kind <> 'extension')
       and not (o.kind = 'extension' and o.identity in (select identity from missing))
     when e.rest ~ '^COMMENT - EXTENSION ' then
       not exists (select from missing m where e.rest like 'COMMENT - EXTENSION ' || m.identity || ' %')
       and (select rolsuper from pg_roles where rolname = current_user)
     when (select rolsuper from pg_roles where rolname = current_user) then true
     else not exists (select from managed m where
       e.rest ~ ('^[A-Z ]+ ' || m.name || ' (?!POLICY |TRIGGER )') or
       e.rest ~ ('^(ACL|COMMENT) - SCHEMA ' || m.name || ' '))
   end;
\\copy (select id || ';' from kept order by place) to 'schema.use'`;
}

/** Says which tables' rows the target can take, by the OIDs that the dumps know them by. */
export function renderTablesScript(): string {
  const staying = rowsThatStay().map(quoteLiteral).join(", ");
  const forgotten = [...oneTimeTables].map((name) => quoteLiteral(`auth.${name}`)).join(", ");
  return `${takeInventory}
${session}
create temp table wanted as
  select t ->> 'oid' as oid, format('%I.%I', t ->> 'schema', t ->> 'name') as name,
         to_regclass(format('%I.%I', t ->> 'schema', t ->> 'name')) as rel, t -> 'columns' as columns
    from pg_temp.inventory, json_array_elements(document::json -> 'tables') t where not ${secretsOfInventory};
create temp table loadable as
  select oid from wanted w where w.rel is not null and has_table_privilege(w.rel, 'insert')
     and not (name in (${staying}) and not (select rolsuper from pg_roles where rolname = current_user))
     and not (name in (${forgotten}) and exists (select from wanted s where s.name = 'auth.schema_migrations'))
     and not exists (select from json_array_elements_text(columns) c where not exists (select from pg_attribute a
       where a.attrelid = w.rel and a.attname = c and not a.attisdropped and a.attgenerated = ''));
do $$ declare one text; begin
  for one in select name from wanted where oid not in (select oid from loadable) loop raise warning 'rows of % are left out', one; end loop;
end $$;
\\copy loadable to 'loadable'`;
}

/**
 * Sets the sequences, and computes the materialised views that were populated at the source. One that reads another which has no rows yet fails
 * with SQLSTATE 55000 and has its turn in a later round.
 */
export function renderSettleScript(): string {
  return `${takeInventory}
${session}
do $$
declare
  view record;
  value record;
  waiting int;
  before int := -1;
begin
  for value in
    select format('%I.%I', s ->> 'schema', s ->> 'name') as name, s ->> 'lastValue' as last, (s ->> 'isCalled')::boolean as called
      from pg_temp.inventory, json_array_elements(document::json -> 'sequences') s
  loop
    begin
      perform setval(to_regclass(value.name), value.last::bigint, value.called);
    exception when others then
      raise warning 'sequence % is left as it is', value.name;
    end;
  end loop;
  loop
    waiting := 0;
    for view in
      select v ->> 'schema' as schema, v ->> 'name' as name
        from pg_temp.inventory, json_array_elements(document::json -> 'materializedViews') v
       where (v ->> 'populated')::boolean
         and (select not relispopulated from pg_class where oid = to_regclass(format('%I.%I', v ->> 'schema', v ->> 'name')))
    loop
      begin
        execute format('refresh materialized view %I.%I', view.schema, view.name);
      exception when object_not_in_prerequisite_state then
        waiting := waiting + 1;
      end;
    end loop;
    exit when waiting = 0;
    if waiting = before then
      raise exception '% materialised views cannot be computed', waiting;
    end if;
    before := waiting;
  end loop;
end $$;`;
}

/** Compares each table's rows with its fingerprint, computed as postgres/rows/fingerprint does, and looks for every object. */
export function renderProofScript(): string {
  const pins = Object.entries(sessionPins).map(([name, value]) => `set ${name} = '${value}';`);
  return `${takeInventory}
${pins.join("\n")}
set row_security = off;
${objectsOfInventory}
create temp table loadable (oid text);
\\copy loadable from 'loadable'
do $$
declare
  content record;
  columns text;
  found record;
  equal int := 0;
  different text[] := '{}';
  missing text[];
begin
  for content in
    select t ->> 'schema' as schema, t ->> 'name' as name, t -> 'columns' as columns, coalesce(t ->> 'filter', '') as filter,
           t #>> '{fingerprint,rows}' as rows, t #>> '{fingerprint,hash}' as hash,
           t ->> 'oid' in (select oid from loadable) as loaded, t ->> 'schema' in (select name from managed) as platform
      from pg_temp.inventory, json_array_elements(document::json -> 'tables') t
     where t #>> '{fingerprint,hash}' is not null and not ${secretsOfInventory}
  loop
    if not content.loaded then
      if not content.platform and content.rows <> '0' then
        different := different || format('%I.%I (it could not be loaded)', content.schema, content.name);
      end if;
      continue;
    end if;
    select coalesce(string_agg(quote_ident(c), ', ' order by place), '') into columns
      from json_array_elements_text(content.columns) with ordinality as named(c, place);
    execute format(
      'select count(*)::text as rows, coalesce(sum(hashtextextended(row(%s)::text collate "C", 0)), 0)::text as hash
         from only %I.%I %s', columns, content.schema, content.name, content.filter) into found;
    if found.rows = content.rows and found.hash = content.hash then
      equal := equal + 1;
    else
      different := different || format('%I.%I (%s rows, at the backup %s)', content.schema, content.name, found.rows, content.rows);
    end if;
  end loop;
  raise notice '% tables hold exactly the rows that they held at the backup', equal;
  select array_agg(kind || ' ' || identity) into missing from object o
   where listed and not platform and kind not in ('database', 'extension', 'large object', 'default acl')
     and not exists (select from there t where t.kind = o.kind and t.identity = o.identity);
  if exists (select from unnest(missing) one where one like 'event trigger %') then
    raise warning 'not every role may make event triggers; not there: %', array(select one from unnest(missing) one where one like 'event trigger %');
    missing := nullif(array(select one from unnest(missing) one where one not like 'event trigger %'), '{}');
  end if;
  if missing is not null then
    different := different || array(select 'not there: ' || one from unnest(missing) one limit 50);
  end if;
  if different <> '{}' then
    raise exception 'not equal: %', array_to_string(different, ', ');
  end if;
  raise notice 'and every object of yours is there';
end $$;`;
}

/** Empties what the auth server's users hold of one-time tokens. Their rows were compared as they came. */
export function renderForgetScript(): string {
  const columns = [...oneTimeColumnsOfUsers].map(quoteLiteral).join(", ");
  return `${takeInventory}
${session}
do $$
declare one text;
begin
  if not exists (select from pg_temp.inventory, json_array_elements(document::json -> 'tables') t
                  where t ->> 'schema' = 'auth' and t ->> 'name' = 'schema_migrations') then
    return; -- a schema of the same name, and not the auth server's
  end if;
  begin
    set local session_replication_role = replica;
  exception when insufficient_privilege then null;
  end;
  for one in select quote_ident(attname) from pg_attribute
              where attrelid = to_regclass('auth.users') and attname in (${columns}) and not attisdropped
  loop
    execute format('update auth.users set %1$s = %2$L where %1$s <> %2$L', one, '');
  end loop;
  raise notice 'one-time tokens of people are empty';
end $$;`;
}

/**
 * Loads NDJSON from standard input into the table that psql's variable `table` names, each value by its type's input
 * function. Triggers and foreign keys are silent meanwhile where the role may say so.
 */
export function renderLoadScript(): string {
  return `\\set ON_ERROR_STOP on
create temp table line (document json);
\\copy line from pstdin with (format csv, delimiter E'\\x01', quote E'\\x02')
begin;
set local session_replication_role = replica;
select format('insert into %s %s overriding system value select %s from pg_temp.line', :'table'::regclass,
         coalesce('(' || string_agg(quote_ident(attname), ', ' order by attnum) || ')', ''),
         coalesce(string_agg(format('(document ->> %L)::%s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum), ''))
  from pg_attribute where attrelid = :'table'::regclass and attnum > 0 and not attisdropped and attgenerated = ''
\\gexec
commit;`;
}
