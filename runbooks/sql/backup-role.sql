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

-- Vault's secrets, where there is a Vault: ciphertext opens in no other project, so a set has to hold their values. They go
-- under a key of their own, which neither the backup nor the prover can open (secrets.pgp). Without this part a restore comes
-- without them: each backup says so.
do $$
declare
  opener regprocedure;
begin
  for opener in
    select p.oid from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
     where n.nspname = 'vault' and p.proname = '_crypto_aead_det_decrypt'
  loop
    execute pg_catalog.format('grant execute on function %s to lifeboat_backup', opener);
  end loop;
end
$$;

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
