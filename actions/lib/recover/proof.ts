import { sessionPins } from "../postgres/connect/session.ts";
import { quoteLiteral } from "../postgres/identifier.ts";
import { oneTimeColumnsOfUsers, oneTimeTables, rowsThatStay } from "../postgres/platform-owned.ts";
import { objectsOfInventory, secretsOfInventory, session, takeInventory } from "./sql.ts";

/**
 * Looks for every object, and counts and hashes every table as source/fingerprint does. Prints a line for each thing that is
 * not there or not as it was; nothing when all is.
 */
export function renderProofScript(): string {
  const pins = Object.entries(sessionPins).map(([name, value]) => `set ${name} = '${value}';`);
  const staying = [...rowsThatStay(), ...[...oneTimeTables].map((name) => `auth.${name}`)].map(quoteLiteral).join(", ");
  return `${takeInventory}
${pins.join("\n")}
set row_security = off;
${objectsOfInventory}
create temp table loadable (oid text);
\\copy loadable from 'loadable'
create temp table lost (place int generated always as identity, what text);
-- A project keeps these itself, and what is good for one time stays in the set.
create temp table kept as select unnest(array[${staying}]) as name
 where not (select rolsuper from pg_roles where rolname = current_user)
    or exists (select from pg_temp.inventory, json_array_elements(document::json -> 'tables') t
                where t ->> 'schema' = 'auth' and t ->> 'name' = 'schema_migrations');
insert into lost (what)
  select case when kind = 'extension' and trim(both '"' from identity) not in (select name from pg_available_extensions)
              then format('extension %s: this server does not have it', identity) else kind || ' ' || identity end
    from object o
   where (listed and not platform or kind = 'extension'
          or extension is not null and kind in ('policy', 'trigger', 'rule', 'index', 'table constraint')
             and exists (select from pg_extension x where x.extname = o.extension))
     and kind not in ('database', 'large object', 'default acl')
     and not exists (select from there t where t.kind = o.kind and t.identity = o.identity)
   order by kind, identity;
insert into lost (what)
  select format('owner of %s %s: %s here, %s at the backup', kind, identity, pg_get_userbyid(relowner), owner)
    from object o join pg_class c
      on c.oid = to_regclass(case when kind in ('table', 'view', 'materialized view', 'sequence', 'foreign table') then identity end)
   where not platform
     and owner !~ '^supabase_' and owner <> pg_get_userbyid(relowner);
insert into lost (what)
  select 'row level security of ' || identity
    from object o join pg_class c on c.oid = to_regclass(case kind when 'table' then identity end)
   where not relrowsecurity and 'row level security' = any (string_to_array(definition, E'\\n'));
insert into lost (what)
  select format('rows of materialized view %I.%I', v ->> 'schema', v ->> 'name')
    from pg_temp.inventory, json_array_elements(document::json -> 'materializedViews') v
   where (v ->> 'populated')::boolean
     and exists (select from pg_class where oid = to_regclass(format('%I.%I', v ->> 'schema', v ->> 'name')) and not relispopulated);
insert into lost (what)
  select 'large object ' || (l ->> 'oid') from pg_temp.inventory, json_array_elements(document::json -> 'largeObjects') l
   where not exists (select from pg_largeobject_metadata m where m.oid::text = l ->> 'oid');
do $$
declare
  content record;
  columns text;
  one record;
  found record;
  equal int := 0;
begin
  for content in
    select t ->> 'schema' as schema, t ->> 'name' as name, t ->> 'oid' as oid, t -> 'columns' as columns, coalesce(t ->> 'filter', '') as filter,
           t #>> '{fingerprint,rows}' as rows, t #>> '{fingerprint,hash}' as hash, t -> 'generated' as generated,
           t ->> 'carried' = 'false' as apart, t ->> 'oid' in (select oid from loadable) as loaded,
           format('%I.%I', t ->> 'schema', t ->> 'name') as called
      from pg_temp.inventory, json_array_elements(document::json -> 'tables') t
     where not ${secretsOfInventory}
  loop
    continue when content.called in (select name from kept) or content.called ~ '^realtime.messages_' or content.called = 'cron.job' and exists (select from pg_extension where extname = 'pg_cron');
    if content.hash is null then
      insert into lost (what) values (format('rows of %s: nothing to compare them with in the set', content.called));
      continue;
    end if;
    if not content.loaded then
      if content.rows <> '0' then
        insert into lost (what) values (format('rows of %s: %s at the backup; rows_of %s prints them', content.called, content.rows, content.oid));
      end if;
      continue;
    end if;
    select coalesce(string_agg(quote_ident(c), ', ' order by place), '') into columns
      from json_array_elements_text(content.columns) with ordinality as named(c, place);
    begin
      execute format(
        'select count(*)::text as rows, coalesce(sum(hashtextextended(row(%s)::text collate "C", 0)), 0)::text as hash
           from only %I.%I %s', columns, content.schema, content.name, content.filter) into found;
      if found.rows = content.rows and found.hash = content.hash then
        equal := equal + 1;
      else
        insert into lost (what) values (format('rows of %s: %s here, %s at the backup; rows_of %s prints them', content.called, found.rows, content.rows, content.oid));
      end if;
      continue when coalesce(json_typeof(content.generated), 'null') = 'null';
      for one in select c ->> 'name' as name, c ->> 'hash' as hash,
                        (select string_agg(quote_ident(k), ', ' order by place) from json_array_elements_text(content.generated -> 'key') with ordinality as named(k, place)) as key
                   from json_array_elements(content.generated -> 'columns') c
      loop
        execute format('select coalesce(sum(hashtextextended(row(%s)::text collate "C", 0)), 0)::text as hash from only %I.%I %s',
          concat_ws(', ', one.key, quote_ident(one.name)), content.schema, content.name, content.filter) into found;
        if one.hash is distinct from found.hash then
          insert into lost (what) values (format('values of generated column %s.%I: computed anew they are others', content.called, one.name));
        end if;
      end loop;
    exception when others then
      insert into lost (what) values (format('rows of %s: they cannot be compared (%s)', content.called, sqlstate));
    end;
  end loop;
  raise notice '% tables hold exactly the rows that they held at the backup', equal;
end $$;
\\pset tuples_only on
\\pset format unaligned
select what from lost order by place;`;
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

/** For the rows of cron.job, whichever of its columns pg_cron had at the source. */
export const jobsTable = `create temp table job (jobid bigint, schedule text, command text, nodename text, nodeport int, database text,
  username text, active boolean, jobname text);`;

/**
 * Makes the cron jobs anew by pg_cron's own functions, each as the role that it ran as, and switched off. Takes them
 * from the temporary table that `jobsTable` makes; prints a line for each that could not be made.
 */
export function renderJobsScript(database: string): string {
  return `create temp table lost (what text);
do $$
declare
  one record;
  id bigint;
  how text;
begin
  for one in select * from pg_temp.job order by jobid loop
    begin
      if one.username <> current_user then execute format('set local role %I', one.username); end if;
      if one.jobname is null then
        execute 'select cron.schedule($1, $2)' into id using one.schedule, one.command;
      else
        execute 'select cron.schedule($1, $2, $3)' into id using one.jobname, one.schedule, one.command;
      end if;
      how := case one.database when ${quoteLiteral(database)} then current_database() else one.database end;
      execute 'select cron.alter_job(job_id := $1, database := $2, active := false)' using id, how;
      reset role;
    exception when others then
      insert into pg_temp.lost values (format('cron job %s of %s (%s)', coalesce(one.jobname, one.jobid::text), one.username, sqlstate));
    end;
  end loop;
end $$;
copy (select what from pg_temp.lost) to stdout;`;
}

/** Last step of the page: what stands before the script, the script, what stands behind it. */
export const ending: [string, string, string] = [
  "Whether all of it is here, and if not, what is missing. Only then is the script's exit status 0.",
  `
if [ -s not-here.txt ]; then
  { echo "NOT EVERYTHING IS HERE. Not here, or not as it was ($(wc -l < not-here.txt)):"; sed 's/^/- /' not-here.txt; } >&2
  exit 3
fi
echo "Everything is here: every row, and every object of yours"`,
  `To bring back what was listed, mend what kept it out (a constraint that the rows break, an extension that was not there), in a new
shell with \`AGAIN=1\` run the blocks of steps 1 to 4 again, then:

- Rows of a table: \`rows_of OID | rows\` loads them, \`rows_of OID\` prints them. Make the constraint again as \`NOT VALID\`.
- Rows of an extension (queues of pgmq): \`create extension\`, then the statements that \`open_artifact data/extensions.sql.zst.pgp |
sed '/^-- TOC entry /,$d'\` prints, then the rows of each table.
- Any other object: its definition is in \`open_artifact inventory.json.zst.pgp\`, and the statement in the dump of step 6.`,
];
