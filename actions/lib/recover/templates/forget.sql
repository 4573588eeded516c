«# Empties what the auth server's users hold of one-time tokens. Their rows were compared as they came.»
«take-inventory.sql»
«session.sql»
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
              where attrelid = to_regclass('auth.users') and attname in («oneTimeColumns») and not attisdropped
  loop
    execute format('update auth.users set %1$s = %2$L where %1$s <> %2$L', one, '');
  end loop;
  raise notice 'one-time tokens of people are empty';
end $$;
