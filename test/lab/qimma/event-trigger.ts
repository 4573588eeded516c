import { execute } from "../connection.ts";

/**
 * The event trigger of Qimma, owned by `postgres` as it is on Supabase. There supautils lets `postgres` create it; plain
 * PostgreSQL lets only a superuser own one, so the lab makes `postgres` one for the length of this transaction.
 */
export async function createQimmaEventTrigger(superuserUrl: string): Promise<void> {
  await execute(
    superuserUrl,
    `begin;
    create function app_private.note_new_tables() returns event_trigger language plpgsql security definer set search_path = '' as $$
    begin
      insert into app_private.audit_log (what, how) select object_identity, command_tag from pg_event_trigger_ddl_commands();
    end
    $$;
    alter function app_private.note_new_tables() owner to postgres;
    create event trigger note_new_tables on ddl_command_end when tag in ('CREATE FOREIGN TABLE')
      execute function app_private.note_new_tables();
    comment on event trigger note_new_tables is 'No table without a trace';
    lock table pg_catalog.pg_authid in share row exclusive mode;
    alter role postgres superuser;
    alter event trigger note_new_tables owner to postgres;
    alter role postgres nosuperuser;
    commit;`,
  );
}
