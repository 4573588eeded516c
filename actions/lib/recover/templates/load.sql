«# Loads NDJSON from standard input into the table that psql's variable `table` names, each value by its type's input
function. Triggers and foreign keys are silent meanwhile where the role may say so.»
\set ON_ERROR_STOP on
create temp table line (document json);
\copy line from pstdin with (format csv, delimiter E'\x01', quote E'\x02')
begin;
set local session_replication_role = replica;
select format('insert into %s %s overriding system value select %s from pg_temp.line',
         (select coalesce(«hash-root.sql», rel) from (select :'table'::regclass as rel) one),
         coalesce('(' || string_agg(quote_ident(attname), ', ' order by attnum) || ')', ''),
         coalesce(string_agg(format('(document ->> %L)::%s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum), ''))
  from pg_attribute where attrelid = :'table'::regclass and attnum > 0 and not attisdropped and attgenerated = ''
\gexec
commit;
