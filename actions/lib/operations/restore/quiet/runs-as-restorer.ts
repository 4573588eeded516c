import type { Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { isManagedSchema, isPlatformObject } from "../../../postgres/platform-owned.ts";
import type { TargetFacts } from "../../target/target.ts";
import { isRoutine, lastName, usesOf } from "./code-uses.ts";

const ofRows = new Set(["domain constraint", "table", "table constraint"]);

/**
 * Functions that PostgreSQL runs as whoever loads rows, and not as an owner: those of generated columns, checks, domains
 * and partition keys. Indexes, materialised views and statistics run theirs as their table's owner, and are not among
 * them. Those that others call are not followed: they are what the first one lets run. Pure.
 *
 * @returns a line each, without those that the restorer's own role made
 */
export function runsAsRestorer(source: Inventory, { role, supabase }: TargetFacts): string[] {
  const routines = Map.groupBy(
    source.objects.filter((one) => isRoutine(one) && one.extension === null && !isPlatforms(one, supabase)),
    ({ identity }) => lastName(identity),
  );
  return source.objects
    .filter((object) => ofRows.has(object.kind) && object.extension === null && !isPlatforms(object, supabase))
    .flatMap((object) => {
      const { calls, dotted } = usesOf(withoutDefaults(object), new Set());
      const called = [...new Set([...calls, ...dotted])].flatMap((name) => routines.get(name) ?? []);
      const strange = called.filter(({ owner }) => owner !== role);
      return strange.length === 0
        ? []
        : [
            `${object.kind} ${object.identity} by ${strange.map(({ identity, owner }) => `${identity} of ${owner}`).join(", ")}`,
          ];
    });
}

const isPlatforms = (object: InventoryObject, supabase: boolean): boolean =>
  supabase && isManagedSchema(object.schema) && isPlatformObject(object);

/** No default is asked for a row that brings its values. */
function withoutDefaults(object: InventoryObject): InventoryObject {
  if (object.kind !== "table") return object;
  const lines = object.definition.split("\n").filter((line) => / generated s default |^partition by /.test(line));
  return { ...object, definition: lines.join("\n") };
}

/** What it means that this role restores, for a person to know before; undefined where nobody else's code runs. */
export function whatRunsAs(source: Inventory, facts: TargetFacts): string | undefined {
  const lines = runsAsRestorer(source, facts);
  const most = 12;
  const rest = lines.length > most ? `; and ${lines.length - most} more` : "";
  const list = lines.length === 0 ? "none in this set" : lines.slice(0, most).join("; ") + rest;
  if (facts.superuser) {
    return (
      `${facts.role} is a superuser: code of the source that PostgreSQL runs as whoever loads rows can do anything on this ` +
      `server, programs included (${list}). For a source that you don't trust, restore as a role that is none: ` +
      "runbooks/restore-without-superuser.md."
    );
  }
  return lines.length === 0 ? undefined : `Runs as ${facts.role} while rows come in, although others made it: ${list}.`;
}
