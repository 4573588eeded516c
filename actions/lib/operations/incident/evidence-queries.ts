/**
 * What a database of Supabase can tell of who did what. `vacuum`, clean-ups of pg_cron and of auth, and every new statement
 * overwrite parts of it: it is read first. Names with schema, because sessions search `pg_catalog` alone.
 */
export const evidenceQueries: readonly { readonly name: string; readonly query: string }[] = [
  {
    // Who is connected now, from where, with which statement.
    name: "sessions",
    query: `select a.pid, a.usename, a.datname, a.application_name, a.client_addr, a.client_port, a.backend_start, a.xact_start,
                   a.query_start, a.state_change, a.state, a.wait_event_type, a.wait_event, a.backend_type, a.query
              from pg_stat_activity a order by a.backend_start desc limit 5000`,
  },
  { name: "auth-audit-log", query: "select * from auth.audit_log_entries order by created_at desc limit 200000" },
  { name: "auth-sessions", query: "select * from auth.sessions order by created_at desc limit 100000" },
  { name: "cron-job-run-details", query: "select * from cron.job_run_details order by runid desc limit 100000" },
  { name: "cron-jobs", query: "select * from cron.job order by jobid" },
  {
    name: "roles",
    query: `select r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
                   r.rolbypassrls, r.rolconnlimit, r.rolvaliduntil, r.rolconfig,
                   (select array_agg(g.rolname order by g.rolname) from pg_auth_members m join pg_roles g on g.oid = m.roleid
                     where m.member = r.oid) as member_of
              from pg_roles r order by r.rolname`,
  },
  {
    // Where pg_stat_statements is, as Supabase installs it: who ran what, how often.
    name: "statements",
    query: `select s.userid::regrole::text as role, s.queryid, s.calls, s.rows, s.total_exec_time, s.query
              from extensions.pg_stat_statements s order by s.calls desc limit 20000`,
  },
  {
    // Rows that were written and deleted since the statistics began, and when tables were vacuumed.
    name: "table-activity",
    query: `select t.schemaname, t.relname, t.n_tup_ins, t.n_tup_upd, t.n_tup_del, t.n_live_tup, t.n_dead_tup, t.last_vacuum,
                   t.last_autovacuum, t.last_analyze
              from pg_stat_all_tables t where t.n_tup_ins + t.n_tup_upd + t.n_tup_del > 0 order by t.n_tup_del desc limit 50000`,
  },
  {
    name: "settings",
    query:
      "select s.name, s.setting, s.source, s.pending_restart from pg_settings s where s.source <> 'default' order by s.name",
  },
];
