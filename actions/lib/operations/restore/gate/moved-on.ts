import { tableName } from "../../../postgres/identifier.ts";
import type { Inventory, SequenceValue } from "../../../postgres/inventory/model.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-key.ts";
import { isManagedSchema } from "../../../postgres/platform-owned.ts";
import { digestOf, stateOf, type TargetState } from "../target/target-state.ts";

/** What the notes of an earlier run know of the target. */
export interface NotedStates {
  /** Before the earlier run wrote anything. */
  readonly before: TargetState;
  /** When the last run ended by itself; undefined when it broke off or was killed, so that nobody knows how far it was. */
  readonly end: TargetState | undefined;
}

/**
 * What has changed in a target since a restore stopped there, and is not a step towards the set: somebody uses it. Pure.
 *
 * @returns a line each, by name; empty when the restore may go on
 */
export function movedOn(noted: NotedStates, target: Inventory, source: Inventory): string[] {
  return noted.end === undefined ? sinceBrokenOff(noted.before, target, source) : sinceEnd(noted.end, target, source);
}

/** Schemas whose services draw numbers by themselves, and pg_cron's functions while we make jobs. */
export const atOwnPace = new Set(["cron", "net", "realtime", "supabase_functions"]);

/** Everything is as it was, or has become what the set says: a cause was mended, or something in the way removed. */
function sinceEnd(end: TargetState, target: Inventory, source: Inventory): string[] {
  const now = stateOf(target);
  const wanted = new Map(source.objects.map((object) => [objectKey(object), digestOf(object)]));
  const lines: string[] = [];
  const kept = new Set(source.sequences.filter(({ schema }) => !atOwnPace.has(schema)).map(tableName));
  for (const [key, digest] of Object.entries(end.objects)) {
    const present = now.objects[key];
    if (present === digest || (present !== undefined && present === wanted.get(key))) continue;
    if (present !== undefined) lines.push(`${key} was changed`);
    else if (wanted.has(key)) lines.push(`${key} was dropped`);
  }
  for (const key of Object.keys(now.objects)) {
    if (!(key in end.objects) && !wanted.has(key)) lines.push(`${key} was made`);
  }
  for (const [name, value] of Object.entries(end.sequences)) {
    const present = now.sequences[name];
    if (
      !kept.has(name) ||
      present === undefined ||
      (present.lastValue === value.lastValue && present.isCalled === value.isCalled)
    )
      continue;
    lines.push(`sequence ${name} stood at ${value.lastValue} and stands at ${present.lastValue}`);
  }
  return lines;
}

/** A run that was killed may have made anything of the set, and nothing else. */
function sinceBrokenOff(before: TargetState, target: Inventory, source: Inventory): string[] {
  const wanted = byKey(source.objects);
  const lines = Object.keys(stateOf(target).objects)
    // Those of the restoring role are changed for the time of a restore.
    .filter((key) => !(key in before.objects) && !wanted.has(key) && !key.startsWith("default acl "))
    .map((key) => `${key} was made`);
  const values = new Map(source.sequences.map((one) => [tableName(one), one]));
  for (const one of target.sequences) {
    const name = tableName(one);
    const recorded = values.get(name);
    if (recorded === undefined || atOwnPace.has(one.schema)) continue;
    const begun = before.sequences[name];
    if (same(one, recorded) || (begun !== undefined && same(one, begun)) || (begun === undefined && !one.isCalled))
      continue;
    if (begun === undefined && isManagedSchema(one.schema)) continue;
    lines.push(`sequence ${name} stands at ${one.lastValue}, and the set has ${recorded.lastValue}`);
  }
  return lines;
}

function same(a: Pick<SequenceValue, "lastValue" | "isCalled">, b: Pick<SequenceValue, "lastValue" | "isCalled">) {
  return a.lastValue === b.lastValue && a.isCalled === b.isCalled;
}
