-- The role that Lifeboat reads with: it sees every row and can write none. Run once as `postgres`, in the SQL editor or
-- with psql; running it again changes nothing but the grants on new large objects. Then give the role a password:
--
--   alter role lifeboat_backup password '<a long random one>';
--
-- and put it into DATABASE_URL. On Supabase's session pooler the user is lifeboat_backup.<project ref>.

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'lifeboat_backup') then
    -- INHERIT before the grant: from PostgreSQL 16 on, a membership takes its INHERIT option from the role as it is then.
    -- BYPASSRLS: pg_dump refuses to dump a table of which row level security would hide rows.
    create role lifeboat_backup login inherit bypassrls;
  end if;
end
$$;

-- Every table, view, sequence and schema of this database, also those made later, also those of Supabase's own admins.
grant pg_read_all_data to lifeboat_backup;

-- A leaked password must not be able to change anything, even where PUBLIC may write.
alter role lifeboat_backup set default_transaction_read_only = on;

-- Large objects are outside pg_read_all_data. Run this part again when `lifeboat check` names some.
do $$
declare
  object oid;
begin
  for object in
    select m.oid from pg_catalog.pg_largeobject_metadata m where pg_catalog.pg_has_role(m.lomowner, 'USAGE')
  loop
    execute pg_catalog.format('grant select on large object %s to lifeboat_backup', object);
  end loop;
end
$$;
