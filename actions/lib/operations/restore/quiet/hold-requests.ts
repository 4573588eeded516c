import type { Client } from "pg";
import { ConfigurationError } from "../../../base/errors.ts";
import { quietSchema, quietTrigger } from "../../../postgres/platform-owned.ts";

const queue = "net.http_request_queue";
const body = "begin return null; end";

/** What lets requests go again; with the function goes the trigger. */
export const letRequestsGo = `DROP SCHEMA IF EXISTS ${quietSchema} CASCADE;`;

/** Empties the queue of what this transaction put there: a session in replica mode passes the trigger by. */
export const clearRequests = `delete from only ${queue}`;

/**
 * Holds back what pg_net would send: a trigger on its queue drops each request as it comes, whatever code it comes from,
 * until somebody takes it away. Everybody may put a trigger there (pg_net grants ALL on its tables to PUBLIC).
 *
 * @returns false where there is no queue, or this role may not
 * @throws ConfigurationError `target-not-quiet` where somebody else has put something in its place
 */
export async function holdRequests(client: Client): Promise<boolean> {
  const facts = await client.query<{ there: boolean; may: boolean; held: boolean; taken: boolean }>(
    `select q.oid is not null as there, coalesce(has_table_privilege(q.oid, 'trigger'), false)
              and coalesce(has_table_privilege(q.oid, 'delete'), false) as may,
            exists (select from pg_trigger t join pg_proc f on f.oid = t.tgfoid join pg_namespace n on n.oid = f.pronamespace
                     where t.tgrelid = q.oid and t.tgname = $2 and t.tgenabled = 'O' and t.tgtype = 7 and t.tgqual is null
                       and n.nspname = $3 and f.prosrc = $4 and f.proowner = current_user::regrole
                       and n.nspowner = current_user::regrole) as held,
            to_regnamespace($3) is not null
              or exists (select from pg_trigger t where t.tgrelid = q.oid and t.tgname = $2) as taken
       from (select to_regclass($1)::oid as oid) q`,
    [queue, quietTrigger, quietSchema, body],
  );
  const { there, may, held, taken } = facts.rows[0] ?? { there: false, may: false, held: false, taken: false };
  if (held) return true;
  if (!there || !may) return false;
  if (taken) {
    throw new ConfigurationError(
      "target-not-quiet",
      `The target has something else by the name ${quietSchema}: requests of pg_net cannot be held back.`,
      `Drop it (\`${letRequestsGo}\`), and run again.`,
    );
  }
  await client.query(
    `begin; create schema ${quietSchema};
     revoke all on schema ${quietSchema} from public;
     create function ${quietSchema}.drop_request() returns trigger language plpgsql set search_path = '' as '${body}';
     create trigger ${quietTrigger} before insert on ${queue} for each row execute function ${quietSchema}.drop_request();
     commit`,
  );
  return true;
}
