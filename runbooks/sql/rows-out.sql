-- Reads rows out of a restored copy into the file rows.copy:
--
--   psql "$TARGET_DATABASE_URL" -v table=public.exams -v wanted="id in (12, 13)" -f runbooks/sql/rows-out.sql
--
-- It writes nothing to the database.
\set ON_ERROR_STOP on
\set QUIET on
begin read only;
select string_agg(quote_ident(attname), ', ' order by attnum) as columns from pg_attribute
 where attrelid = :'table'::regclass and attnum > 0 and not attisdropped and attgenerated = '' \gset
copy (select :columns from :table where :wanted) to stdout \g rows.copy
select count(*) as "rows in rows.copy" from :table where :wanted;
rollback;
