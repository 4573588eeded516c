import { ConfigurationError } from "../../base/errors.ts";
import type { Inventory, InventoryObject } from "../../postgres/inventory/model.ts";
import { isPlatformOwner } from "../../postgres/platform-owned.ts";

/**
 * Database Webhooks are a switch of the dashboard: with it come a schema, two tables and a function that belong to the
 * platform, and nobody else can make them (supabase/postgres, webhooks; docs "Database Webhooks").
 */
export const switchWebhooksOn =
  "Switch Database Webhooks on in the target project: dashboard, Integrations, Database Webhooks, Enable webhooks";

/** The schema that Database Webhooks come with. */
export function isWebhooksSchema({ kind, identity, owner }: InventoryObject): boolean {
  return kind === "schema" && identity === "supabase_functions" && isPlatformOwner(owner);
}

/**
 * Refuses a project without Database Webhooks for a source that has them: its triggers would have nothing to call.
 * @throws ConfigurationError `webhooks-off`
 */
export function refuseWithoutWebhooks(source: Inventory, target: Inventory): void {
  if (
    !source.objects.some(isWebhooksSchema) ||
    target.objects.some(({ kind, identity }) => kind === "schema" && identity === "supabase_functions")
  )
    return;
  throw new ConfigurationError(
    "webhooks-off",
    "The source has Database Webhooks switched on, and the target project has not.",
    `${switchWebhooksOn}. Then run the same again; nothing has been changed.`,
  );
}
