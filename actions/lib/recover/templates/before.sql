«# Of a Supabase project: what its default privileges would grant to everybody on all that is made is not granted (the
recorded ones come back with the post-data), and the role may make others the owners of what it makes; `lent.sql` takes
that back.»
«session.sql»
create temp table lent (sql text);
do $$
declare
  one record;
  before text;
  how text := case when current_setting('server_version_num')::int >= 160000 then ' with inherit true, set true' else '' end;
begin
  for one in select distinct defaclnamespace::regnamespace::text as schema, defaclobjtype as what, grantee::regrole::text as grantee
               from pg_default_acl, aclexplode(defaclacl)
              where defaclrole = current_user::regrole and defaclnamespace <> 0 and grantee <> 0
  loop
    execute format('alter default privileges in schema %s revoke all on %s from %s', one.schema,
      case one.what when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' else 'schemas' end, one.grantee);
  end loop;
  for one in select oid, rolname from pg_roles where not rolsuper and rolname <> current_user and rolname !~ '^(pg_|supabase_|pgbouncer|dashboard_user)'
  loop
    continue when pg_has_role(current_user, one.oid, 'usage') and (how = '' or pg_has_role(current_user, one.oid, case how when '' then 'member' else 'set' end));
    before := null;
    if how <> '' then
      execute 'select format(''with inherit %s, set %s'', inherit_option, set_option) from pg_auth_members
                where roleid = $1 and member = current_user::regrole and grantor = current_user::regrole' into before using one.oid;
    end if;
    begin
      execute format('grant %I to current_user%s', one.rolname, how);
      insert into pg_temp.lent values (case when before is null then format('revoke %I from current_user;', one.rolname) else format('grant %I to current_user %s;', one.rolname, before) end);
    exception when others then null;
    end;
  end loop;
end $$;
\copy lent to 'lent.sql' with (format csv, delimiter E'\x01', quote E'\x02')
