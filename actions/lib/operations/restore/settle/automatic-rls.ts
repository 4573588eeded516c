import type { Client } from "pg";
import { ConfigurationError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import type { InventoryObject } from "../../../postgres/inventory/model.ts";
import { attempt } from "../../target/attempt.ts";
import type { TargetFacts } from "../../target/target.ts";

const guard = "public.rls_auto_enable()";

/**
 * What Supabase's option "Enable automatic RLS" puts into a new project: an event trigger and its function, which switch
 * row security on for each table that is made.
 */
export function isAutomaticRls({ kind, identity, definition }: InventoryObject): boolean {
  if (kind === "function") return identity === guard && /\breturns event_trigger\b/i.test(definition);
  return kind === "event trigger" && identity === "ensure_rls" && definition.includes(guard);
}

/**
 * Takes automatic row security out of a new project before anything is made there: tables come back with the row
 * security that they had, and the event trigger comes back where the source has one. By name, whatever the function does:
 * nothing of it is left.
 * @throws ConfigurationError `target-automatic-rls` when it belongs to somebody else
 */
export async function takeAutomaticRls(
  client: Client,
  facts: TargetFacts,
  { dryRun, log }: { readonly dryRun: boolean; readonly log: Log },
): Promise<TargetFacts> {
  const found = facts.supabase ? facts.inventory.objects.filter(isAutomaticRls) : [];
  if (found.length === 0) return facts;
  if (!dryRun) {
    // Whoever owns the schema may drop what lies in it, and what hangs on that goes as well, whoever owns it.
    const reason = await attempt(
      client,
      `drop function if exists ${guard} cascade; drop event trigger if exists ensure_rls`,
    );
    if (reason !== undefined) {
      throw new ConfigurationError(
        "target-automatic-rls",
        `The target switches row security on for each table that is made, and that cannot be taken away (${reason}).`,
        "Run `drop event trigger ensure_rls` as its owner, or restore into a project without automatic RLS.",
      );
    }
    log.info("Automatic row security of the target is taken away: each table gets what it had at the source.");
  }
  const objects = facts.inventory.objects.filter((object) => !found.includes(object));
  return { ...facts, inventory: { ...facts.inventory, objects } };
}
