import { execute } from "./connection.ts";

/**
 * What Supabase's own services leave in a project that has lived for a day: a partition and messages of Realtime, runs of
 * a cron job, an answer of pg_net, an entry of the auth server. `postgres` could not make the partition; a new project has
 * other ones. Same rows each time.
 */
export async function actAsServices(superuserUrl: string): Promise<void> {
  await execute(
    superuserUrl,
    `set role supabase_realtime_admin;
    create table realtime.messages_2026_09_02 partition of realtime.messages for values from ('2026-09-02') to ('2026-09-03');
    insert into realtime.messages (topic, extension, payload, event, updated_at, inserted_at, id)
    select 'room ' || n, 'broadcast', jsonb_build_object('نص', n), 'shout', '2026-09-02 10:00', '2026-09-02 10:00', md5('message' || n)::uuid
    from generate_series(1, 20) as n;
    reset role;
    set role supabase_admin;
    insert into cron.job_run_details (jobid, job_pid, database, username, command, status, return_message, start_time, end_time)
    select 1, 4000 + n, 'postgres', 'postgres', 'refresh', 'succeeded', '1 row', '2026-09-02 01:15+00', '2026-09-02 01:15:01+00'
    from generate_series(1, 5) as n;
    insert into net._http_response (id, status_code, content_type, content, timed_out, created)
    values (1, 200, 'text/plain', 'ok', false, '2026-09-02 01:15+00');
    reset role;
    set role supabase_auth_admin;
    insert into auth.audit_log_entries (id, payload, created_at)
    values ('4b0c7a52-0000-4000-8000-000000000001', '{"action": "login"}', '2026-09-02 01:15+00');
    reset role;`,
  );
}
