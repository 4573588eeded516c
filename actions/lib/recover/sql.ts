import { quoteLiteral } from "../postgres/identifier.ts";
import { managedSchemaNames, oneTimeTables, rowsThatStay } from "../postgres/platform-owned.ts";

/**
 * The scripts are for psql, read an inventory from standard input, and need nothing of ours. The CSV options are those
 * under which a line of JSON is one field: neither byte can stand in JSON unescaped.
 */
export const takeInventory = `\\set ON_ERROR_STOP on
create temp table inventory (document text);
\\copy inventory from pstdin with (format csv, delimiter E'\\x01', quote E'\\x02')`;

/** What prints names prints them in full, and nobody's own functions are met. */
export const session = `set client_min_messages = warning;
set statement_timeout = 0;
set search_path = pg_catalog;`;

/** Vault's secrets have an artifact of their own (`isVaultSecrets`). */
export const secretsOfInventory =
  "(t ->> 'schema' = 'vault' and t ->> 'name' = 'secrets' and t ->> 'carried' = 'false')";

export const objectsOfInventory = `create temp table object as
  select o ->> 'kind' as kind, o ->> 'identity' as identity, o ->> 'schema' as schema, o ->> 'classId' as class,
         o ->> 'oid' as oid, o ->> 'owner' as owner, o ->> 'extension' as extension, o ->> 'definition' as definition,
         (o ->> 'listed')::boolean as listed
    from pg_temp.inventory, json_array_elements(document::json -> 'objects') o;
create temp table managed as select unnest(array[${managedSchemaNames().map(quoteLiteral).join(", ")}]) as name;
create temp table there as
  select i.type as kind, i.identity
    from (${identifiable().join(" union all ")}
          union all select 'pg_subscription'::regclass, oid from pg_subscription
          union all select 'pg_user_mapping'::regclass, umid from pg_user_mappings) c (class, oid), pg_identify_object(class, oid, 0) i;
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
    ...[
      "proc",
      "publication",
      "publication_rel",
      "publication_namespace",
      "rewrite",
      "statistic_ext",
      "transform",
      "trigger",
      "ts_config",
    ],
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
 * recorded ones come back with the post-data), and the role may make others the owners of what it makes; \`lent.sql\` takes
 * that back.
 */
export function renderBeforeScript(): string {
  return `${session}
create temp table lent (sql text);
do $$
declare
  one record;
  before text;
  how text := case when current_setting('server_version_num')::int >= 160000 then ' with inherit true, set true' else '' end;
begin
  for one in select distinct defaclnamespace::regnamespace::text as schema, defaclobjtype as what, grantee::regrole::text as grantee
               from pg_default_acl, aclexplode(defaclacl)
              where defaclrole = current_user::regrole and defaclnamespace <> 0 and grantee <> 0
  loop
    execute format('alter default privileges in schema %s revoke all on %s from %s', one.schema,
      case one.what when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' else 'schemas' end, one.grantee);
  end loop;
  for one in select oid, rolname from pg_roles where not rolsuper and rolname <> current_user and rolname !~ '^(pg_|supabase_|pgbouncer|dashboard_user)'
  loop
    continue when pg_has_role(current_user, one.oid, 'usage') and (how = '' or pg_has_role(current_user, one.oid, case how when '' then 'member' else 'set' end));
    before := null;
    if how <> '' then
      execute 'select format(''with inherit %s, set %s'', inherit_option, set_option) from pg_auth_members
                where roleid = $1 and member = current_user::regrole and grantor = current_user::regrole' into before using one.oid;
    end if;
    begin
      execute format('grant %I to current_user%s', one.rolname, how);
      insert into pg_temp.lent values (case when before is null then format('revoke %I from current_user;', one.rolname) else format('grant %I to current_user %s;', one.rolname, before) end);
    exception when others then null;
    end;
  end loop;
end $$;
\\copy lent to 'lent.sql' with (format csv, delimiter E'\\x01', quote E'\\x02')`;
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
-- A schema that only an extension asks for: a project that does not have the extension does not have it either.
create temp table home as
  select substring(definition from ' schema (.*)$') as identity from object
   where kind = 'extension' and identity not in (select identity from missing);
create temp table kept as
  select e.place, e.id from entry e left join object o on o.class = e.class and o.oid = e.oid and e.class <> '0'
   where case
     when o.kind = 'default acl' then not (o.platform and not (select rolsuper from pg_roles where rolname = current_user))
     when o.kind is not null then not exists (select from there t where t.kind = o.kind and t.identity = o.identity)
       and not (o.platform and not (select rolsuper from pg_roles where rolname = current_user) and o.kind <> 'extension'
         and not (o.kind = 'schema' and o.identity in (select identity from home)))
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
     and not (name = 'cron.job' and exists (select from pg_extension where extname = 'pg_cron'))
     and not (name in (${forgotten}) and exists (select from wanted s where s.name = 'auth.schema_migrations'))
     and not exists (select from json_array_elements_text(columns) c where not exists (select from pg_attribute a
       where a.attrelid = w.rel and a.attname = c and not a.attisdropped and a.attgenerated = ''));
\\copy loadable to 'loadable'
\\copy (select oid from wanted where name = 'cron.job' and exists (select from pg_extension where extname = 'pg_cron')) to 'jobs.oid'`;
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
  one text;
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
  -- No dump knows what people have set on an extension's own tables.
  for one in
    select to_regclass(case when o ->> 'kind' = 'table' and o ->> 'extension' is not null
                             and 'row level security' = any (string_to_array(o ->> 'definition', E'\\n')) then o ->> 'identity' end)
      from pg_temp.inventory, json_array_elements(document::json -> 'objects') o
  loop
    continue when one is null;
    begin
      execute format('alter table %s enable row level security', one);
    exception when others then null; -- the proof names it
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
      when others then
        raise warning 'materialised view %.% cannot be computed (%)', view.schema, view.name, sqlstate;
      end;
    end loop;
    exit when waiting = 0;
    exit when waiting = before; -- the proof names them
    before := waiting;
  end loop;
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
