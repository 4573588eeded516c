-- Schema vault, in the shape of supabase_vault 0.3: ciphertext in a table that `postgres` may read but not fill.
-- On Supabase the root key lies in a file outside the database; here in a setting of supabase_admin for this database,
-- which no dump carries: a restored ciphertext opens only where the root key was carried over too.
create schema vault authorization supabase_admin;
grant usage on schema vault to postgres with grant option;

set role supabase_admin;
create function vault._root_key() returns bytea language sql stable security definer set search_path = '' as $$
  select pg_catalog.sha256(pg_catalog.convert_to(coalesce(max(setting), 'template'), 'UTF8'))
  from pg_catalog.pg_db_role_setting, pg_catalog.unnest(setconfig) as setting
  where setrole = 'supabase_admin'::pg_catalog.regrole and setting like 'lab.vault_root_key=%'
    and setdatabase = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
$$;
create function vault._crypto_aead_det_decrypt(message bytea, nonce bytea) returns bytea
language sql stable security definer set search_path = '' as $$
  select extensions.decrypt_iv(message, vault._root_key(), nonce, 'aes')
$$;
create table vault.secrets (
  id uuid primary key default gen_random_uuid(),
  name text,
  description text not null default '',
  secret text not null,
  key_id uuid,
  nonce bytea default extensions.gen_random_bytes(16),
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp
);
create unique index secrets_name_idx on vault.secrets (name) where name is not null;
comment on table vault.secrets is 'Table with encrypted `secret` column for storing sensitive information on disk.';
create view vault.decrypted_secrets as
  select id, name, description, secret,
    convert_from(vault._crypto_aead_det_decrypt(decode(secret, 'base64'), nonce), 'UTF8') as decrypted_secret,
    key_id, nonce, created_at, updated_at
  from vault.secrets;
create function vault.create_secret(new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null)
returns uuid language plpgsql security definer set search_path = '' as $$
declare
  made record;
begin
  insert into vault.secrets (secret, name, description) values ('', new_name, new_description) returning id, nonce into made;
  update vault.secrets
  set secret = encode(extensions.encrypt_iv(convert_to(new_secret, 'UTF8'), vault._root_key(), made.nonce, 'aes'), 'base64')
  where id = made.id;
  return made.id;
end
$$;
create function vault.update_secret(secret_id uuid, new_secret text default null, new_name text default null, new_description text default null, new_key_id uuid default null)
returns void language plpgsql security definer set search_path = '' as $$
begin
  update vault.secrets as kept
  set secret = case when new_secret is null then kept.secret
        else encode(extensions.encrypt_iv(convert_to(new_secret, 'UTF8'), vault._root_key(), kept.nonce, 'aes'), 'base64') end,
      name = coalesce(new_name, kept.name),
      description = coalesce(new_description, kept.description),
      updated_at = now()
  where kept.id = secret_id;
end
$$;
revoke all on all functions in schema vault from public;
grant execute on function vault.create_secret, vault.update_secret, vault._crypto_aead_det_decrypt to postgres with grant option;
grant execute on function vault.create_secret, vault.update_secret, vault._crypto_aead_det_decrypt to service_role;
grant select, delete on vault.secrets, vault.decrypted_secrets to postgres with grant option;
grant select, delete on vault.secrets, vault.decrypted_secrets to service_role;
-- As runbooks/sql/backup-role.sql does in each project.
grant execute on function vault._crypto_aead_det_decrypt to lifeboat_backup;
reset role;
