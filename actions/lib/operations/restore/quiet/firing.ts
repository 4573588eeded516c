import type { Client } from "pg";
import { ConfigurationError } from "../../../base/errors.ts";
import type { InventoryObject } from "../../../postgres/inventory/model.ts";
import { quietSchema, quietTrigger } from "../../../postgres/platform-owned.ts";

/** Something that would run by itself in a copy and may speak to others from there. */
export interface Outbound {
  readonly object: InventoryObject;
  readonly what: string;
  /**
   * `off`: made, and switched off in the same transaction. `left out`: not made, because nobody could switch it off: on a
   * view Postgres does not know that, on a platform's table only the platform may; or because it would run while the copy
   * is made. `empty`: made, and not filled. `later`: a table whose generated columns are computed later.
   */
  readonly how: "off" | "left out" | "empty" | "later";
  readonly switchOff: string | undefined;
  /** One statement that makes it what it was. */
  readonly switchOn: string;
}

/** In which sessions something fires: `enabled` in all but those of replication. */
export type FiringState = "enabled" | "disabled" | "always" | "replica";

export const enable = (state: FiringState): string =>
  state === "always" || state === "replica" ? `ENABLE ${state.toUpperCase()}` : "ENABLE";

/** @param name quoted where needed */
export function switchOnEventTrigger(name: string, state: FiringState): string {
  return `ALTER EVENT TRIGGER ${name} ${enable(state)};`;
}

const letters = { enabled: "O", disabled: "D", always: "A", replica: "R" } as const;

/** As the catalogues have it. */
export const stateLetter = (state: FiringState): string => letters[state];

const states = new Map<string, FiringState>([
  ["D", "disabled"],
  ["A", "always"],
  ["R", "replica"],
]);

/** How the inventory writes in which sessions a trigger, rule or event trigger fires, and its definition without that. */
export function firingOf({ kind, definition }: InventoryObject): {
  readonly text: string;
  readonly state: FiringState;
} {
  if (kind === "trigger") {
    const [, text, state] = /^(.*) (disabled|always|replica)$/s.exec(definition) ?? [];
    if (text !== undefined && (state === "disabled" || state === "always" || state === "replica"))
      return { text, state };
    return { text: definition, state: "enabled" };
  }
  const [, before, letter, tags] = /^(.*) enabled ([ODAR])( tags .*)?$/s.exec(definition) ?? [];
  if (before === undefined) return { text: definition, state: "enabled" };
  return { text: before + (tags ?? ""), state: states.get(letter ?? "") ?? "enabled" };
}

/** The definition that something would have, were it switched on as it was at the source. */
export function switchedOn(twin: InventoryObject, source: InventoryObject): string {
  const { state } = firingOf(source);
  switch (twin.kind) {
    case "materialized view":
      return twin.definition.replace(/^not populated$/m, "populated");
    case "trigger":
      return state === "enabled" ? firingOf(twin).text : `${firingOf(twin).text} ${state}`;
    case "rule":
      return state === "enabled" ? firingOf(twin).text : twin.definition.replace(/D$/, stateLetter(state));
    default:
      return twin.definition.replace(
        / enabled D( tags .*)?$/s,
        (_, tags = "") => ` enabled ${stateLetter(state)}${tags}`,
      );
  }
}

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
