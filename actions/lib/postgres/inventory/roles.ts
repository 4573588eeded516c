/** Roles of the cluster but Postgres' own. Passwords are never read. */
export const rolesQuery = `
  select r.rolname as name, r.rolsuper as superuser, r.rolinherit as inherit, r.rolcreaterole as "createRole",
         r.rolcreatedb as "createDb", r.rolcanlogin as login, r.rolreplication as replication,
         r.rolbypassrls as "bypassRls", r.rolconnlimit as "connectionLimit", r.rolvaliduntil::text as "validUntil",
         coalesce((select json_agg(json_build_object('setting', c, 'database', s.setdatabase <> 0)
                            order by s.setdatabase <> 0, c collate "C")
                     from pg_db_role_setting s cross join unnest(s.setconfig) c
                    where s.setrole = r.oid
                      and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))),
                  '[]') as settings,
         shobj_description(r.oid, 'pg_authid') as comment
    from pg_roles r
   where r.rolname !~ '^pg_'
   order by r.rolname collate "C"`;

/**
 * Who is a member of what, but for what pg_monitor is from the start. The options INHERIT and SET exist from PostgreSQL 16
 * on.
 */
export const membershipsQuery = `
  select pg_get_userbyid(m.roleid) as role, pg_get_userbyid(m.member) as member, pg_get_userbyid(m.grantor) as grantor,
         m.admin_option as admin, (to_jsonb(m)->>'inherit_option')::boolean as inherit,
         (to_jsonb(m)->>'set_option')::boolean as set
    from pg_auth_members m
   where not (pg_get_userbyid(m.member) = 'pg_monitor'
              and pg_get_userbyid(m.roleid) in ('pg_read_all_settings', 'pg_read_all_stats', 'pg_stat_scan_tables'))
   order by 1, 2, 3`;

/** ALTER ROLE ALL SET: for everybody in all databases. */
export const everybodysSettingsQuery = `
  select c as setting
    from pg_db_role_setting s cross join unnest(s.setconfig) c
   where s.setrole = 0 and s.setdatabase = 0
   order by c collate "C"`;

export const databaseSettingsQuery = `
  select c as setting
    from pg_db_role_setting s cross join unnest(s.setconfig) c
   where s.setrole = 0 and s.setdatabase = (select oid from pg_database where datname = current_database())
   order by c collate "C"`;
