-- As the real one: anybody may call it, and the server speaks to others while the caller waits.
create type http_response as (status integer, content text);
create function http_get(uri varchar) returns http_response language plpgsql security definer set search_path = pg_catalog as $$
declare
  address text[] := regexp_match(uri, '^http://([0-9.]+):([0-9]+)/([A-Za-z0-9_]*)$');
begin
  execute format('copy (select 1) to program %L',
    format('bash -c "exec 3<>/dev/tcp/%s/%s; echo %s >&3; cat <&3"', address[1], address[2], address[3]));
  return row(204, null)::http_response;
end $$;
