import { sessionPins } from "../source/session.ts";

/**
 * Both scripts are for psql, read an inventory from standard input, and need nothing of ours. The CSV options are those
 * under which a line of JSON is one field: neither byte can stand in JSON unescaped.
 */
const takeInventory = `\\set ON_ERROR_STOP on
create temp table inventory (document text);
\\copy inventory from pstdin with (format csv, delimiter E'\\x01', quote E'\\x02')`;

/**
 * Computes the materialised views that were populated at the source. One that reads another which has no rows yet fails
 * with SQLSTATE 55000 and has its turn in a later round.
 */
export function renderRefreshScript(): string {
  return `${takeInventory}
do $$
declare
  view record;
  waiting int;
  before int := -1;
begin
  loop
    waiting := 0;
    for view in
      select v ->> 'schema' as schema, v ->> 'name' as name
        from pg_temp.inventory, json_array_elements(document::json -> 'materializedViews') v
       where (v ->> 'populated')::boolean
         and not (select relispopulated from pg_class where oid = format('%I.%I', v ->> 'schema', v ->> 'name')::regclass)
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

/** Compares each table's rows with its fingerprint, computed as source/fingerprint does. */
export function renderProofScript(): string {
  const pins = Object.entries(sessionPins).map(([name, value]) => `set ${name} = '${value}';`);
  return `${takeInventory}
${pins.join("\n")}
set row_security = off;
do $$
declare
  content record;
  columns text;
  found record;
  equal int := 0;
  different text[] := '{}';
begin
  for content in
    select t ->> 'schema' as schema, t ->> 'name' as name, t -> 'columns' as columns, coalesce(t ->> 'filter', '') as filter,
           t #>> '{fingerprint,rows}' as rows, t #>> '{fingerprint,hash}' as hash
      from pg_temp.inventory, json_array_elements(document::json -> 'tables') t
     where t #>> '{fingerprint,hash}' is not null
  loop
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
  if different <> '{}' then
    raise exception 'not equal: %', array_to_string(different, ', ');
  end if;
  raise notice '% tables hold exactly the rows that they held at the backup', equal;
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
