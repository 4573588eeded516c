import type { Client } from "pg";
import { OperationError } from "../../base/errors.ts";
import { notesSchema } from "../../postgres/own-schemas.ts";
import { maySetReplicationRole } from "../target/target.ts";
import { stateLetter, switchOnEventTrigger } from "./quiet/firing.ts";
import { letRequestsGo } from "./quiet/hold-requests.ts";
import type { QuietPlan } from "./quiet/outbound.ts";
import { Journal } from "./target/journal.ts";

/**
 * The last transaction of a restore: its notes go and the event triggers that slept wake, both or neither. So nothing of
 * the restore's is left for them to fire at, and a run that dies before it leaves notes by which another finishes.
 *
 * @throws OperationError `restore-unfinished` when an event trigger does not wake; the notes are still there then
 */
export async function finishRestore(
  client: Client,
  { holdsRequests }: Pick<QuietPlan, "holdsRequests">,
): Promise<void> {
  const notes = await Journal.find(client);
  const silent = await maySetReplicationRole(client);
  await client.query("begin");
  try {
    // Silences what was there before and is no part of the set; those that sleep are made to.
    if (silent) await client.query("set local session_replication_role = 'replica'");
    const present = await client.query<{ name: string }>(
      "select quote_ident(evtname) as name from pg_event_trigger where evtenabled = 'D'",
    );
    const there = new Set(present.rows.map(({ name }) => name));
    const waking = (notes?.asleep ?? []).filter(({ name }) => there.has(name));
    await client.query(`drop schema if exists ${notesSchema} cascade`);
    if (!holdsRequests) await client.query(letRequestsGo);
    for (const { name, state } of waking) await client.query(switchOnEventTrigger(name, state));
    const after = await client.query<{ name: string; state: string }>(
      "select quote_ident(evtname) as name, evtenabled::text as state from pg_event_trigger",
    );
    const now = new Map(after.rows.map(({ name, state }) => [name, state]));
    const wrong = waking.filter(({ name, state }) => now.get(name) !== stateLetter(state));
    if (wrong.length > 0) {
      throw new OperationError(
        "restore-unfinished",
        `Event triggers did not wake: ${wrong.map(({ name }) => name).join(", ")}.`,
        "Run the same command again.",
      );
    }
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}
