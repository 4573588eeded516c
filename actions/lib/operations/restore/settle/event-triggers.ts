import type { Client } from "pg";
import { OperationError } from "../../../base/errors.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-query.ts";
import { notesSchema } from "../../../postgres/platform-owned.ts";
import { maySetReplicationRole } from "../../target/target.ts";
import { runSteps, type Step, type StepFailures } from "../plan/steps.ts";
import {
  firingOf,
  letRequestsGo,
  type Outbound,
  stateLetter,
  switchedOn,
  switchOnEventTrigger,
} from "../quiet/firing.ts";
import type { QuietPlan } from "../quiet/outbound.ts";
import { type Asleep, Journal } from "../target/journal.ts";

/**
 * Makes the event triggers and lets them sleep: they would fire at what the restore itself still does, and one that
 * forbids DROP would keep it from taking its notes away. They wake when the restore is finished (`finishRestore`).
 */
export async function makeEventTriggers(
  client: Client,
  steps: readonly Step[],
  outbound: readonly Outbound[],
  journal: Journal,
): Promise<StepFailures> {
  const off = new Set(outbound.map(({ object }) => object));
  const awake = steps.flatMap(({ entry, object }) =>
    entry.desc === "EVENT TRIGGER" && object !== undefined && firingOf(object).state !== "disabled" ? [object] : [],
  );
  // Noted before they are made: a run that dies in between must not leave one asleep that nobody knows of.
  await journal.noteAsleep(
    client,
    awake
      .filter((object) => !off.has(object))
      .map((object) => ({ name: object.identity, state: firingOf(object).state })),
  );
  return runSteps(client, steps, ({ entry, object }) => {
    if (entry.desc !== "EVENT TRIGGER" || object === undefined) return undefined;
    // Switched on once, and off again: whether this role may is found out now, and not when all is done.
    const tried = awake.includes(object) ? `${switchOnEventTrigger(object.identity, firingOf(object).state)}\n` : "";
    return `${tried}ALTER EVENT TRIGGER ${object.identity} DISABLE;\n`;
  });
}

/** A target in which those that sleep are awake: what `finish` makes of it, when nothing else is left to do. Pure. */
export function asIfAwake(target: Inventory, source: Inventory, asleep: readonly Asleep[]): Inventory {
  const wanted = byKey(source.objects);
  const names = new Set(asleep.map(({ name }) => name));
  return {
    ...target,
    objects: target.objects.map((object) => {
      const twin = wanted.get(objectKey(object));
      const sleeps = object.kind === "event trigger" && names.has(object.identity) && twin !== undefined;
      return sleeps && firingOf(object).state === "disabled"
        ? { ...object, definition: switchedOn(object, twin) }
        : object;
    }),
  };
}

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
  // With it all is on the disk that did not wait for that.
  await client.query("begin; set local synchronous_commit = on");
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
    await client.query(waking.map(({ name, state }) => switchOnEventTrigger(name, state)).join("\n"));
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
