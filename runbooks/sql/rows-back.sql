-- Puts the rows of rows.copy back into the project: those that are missing, and with -v put="title, subject" these columns of
-- those that are there. Rows that are not in the file, and other columns, stay as they are. Without -v write=yes it only shows.
--
--   psql "$PROJECT_DATABASE_URL" -v table=public.exams -f runbooks/sql/rows-back.sql
--
-- Triggers and row security of the project hold, as for any other write; foreign keys are checked.
\set ON_ERROR_STOP on
\set QUIET on
\if :{?put} \else \set put '' \endif
begin;
set local lock_timeout = '4s';
set local statement_timeout = 0;
select string_agg(quote_ident(attname), ', ' order by attnum) as columns from pg_attribute
 where attrelid = :'table'::regclass and attnum > 0 and not attisdropped and attgenerated = '' \gset
select string_agg(quote_ident(attname), ', ') as keys,
       string_agg(format('now.%1$I = good.%1$I', attname), ' and ') as same
  from pg_index join pg_attribute on attrelid = indrelid and attnum = any (indkey)
 where indrelid = :'table'::regclass and indisprimary \gset
create temporary table good on commit drop as select :columns from :table limit 0;
\copy good from rows.copy
-- A file of another table, or with a key twice, ends here.
select format('create unique index on good (%s)', :'keys') \gexec

-- Statements about the columns to be put back, made from their names.
select coalesce(string_agg(format('%1$I = good.%1$I', name), ', '), '') as assigned,
       coalesce(string_agg(format('now.%1$I is distinct from good.%1$I', name), ' or '), 'false') as differs
  from (select trim(both ' "' from unnest(string_to_array(nullif(:'put', ''), ','))) as name) \gset

select count(*) filter (where now.ctid is null) as "missing now",
       count(*) filter (where now.ctid is not null and (:differs)) as "other columns to be put back",
       count(*) filter (where now.ctid is not null and not (:differs)) as "left as they are"
  from good left join :table now on :same;

select format('insert into %s (%s) overriding system value select %2$s from good where not exists (select from %1$s now where %3$s)',
              :'table', :'columns', :'same') \gexec
select format('update %s now set %s from good where %s and (%s)', :'table', :'assigned', :'same', :'differs')
 where :'assigned' <> '' \gexec
\if :{?write}
commit;
\echo 'Written.'
\else
rollback;
\echo 'Nothing was written. When the numbers are right: the same with -v write=yes.'
\endif
