import type { Client } from "pg";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-key.ts";
import { runSteps, type StepFailures } from "../plan/run-steps.ts";
import type { Step } from "../plan/step.ts";
import type { Outbound } from "../quiet/firing.ts";
import { firingOf, switchedOn, switchOnEventTrigger } from "../quiet/firing.ts";
import type { Asleep, Journal } from "../target/journal.ts";

/**
 * Makes the event triggers and lets them sleep: they would fire at what the restore itself still does, and one that
 * forbids DROP would keep it from taking its notes away. They wake when the restore is finished (`finish.ts`).
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
