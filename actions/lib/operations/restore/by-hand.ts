import { tableName } from "../../postgres/identifier.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import { isVaultSecrets } from "../../postgres/inventory/vault-secrets.ts";
import { isReservedRole } from "../../postgres/platform-owned.ts";
import type { TargetFacts } from "../target/target.ts";
import type { DataPlan } from "./plan/plan-data.ts";
import type { Outbound } from "./quiet/firing.ts";
import { switchOnEventTrigger } from "./quiet/firing.ts";
import { letRequestsGo } from "./quiet/hold-requests.ts";
import { isPartOfParent } from "./quiet/outbound.ts";
import type { RestoreResult } from "./result.ts";
import type { SecretsOutcome } from "./settle/vault-secrets.ts";
import type { Asleep } from "./target/journal.ts";

/** What of a copy is off, or not as it was. */
interface Off {
  readonly outbound: readonly Outbound[];
  /** Whether requests of pg_net are dropped. */
  readonly heldBack: boolean;
  /** Event triggers that wait for the end of the restore. */
  readonly asleep: readonly Asleep[];
  /** What became of Vault's secrets. */
  readonly secrets: SecretsOutcome | undefined;
  readonly cronJobs: readonly { readonly what: string; readonly on: string }[];
}

/** What was switched off, and what only a person can do, for the end of the report. Pure. */
export function afterwards(
  source: Inventory,
  facts: TargetFacts,
  plan: DataPlan,
  off: Off,
  /** Columns whose OIDs mean nothing in a copy. */
  stray: readonly string[],
): Pick<RestoreResult, "switchedOff" | "byHand"> {
  const { outbound, heldBack, asleep, cronJobs } = off;
  const rows = (name: string) => source.tables.find((table) => tableName(table) === name)?.fingerprint?.rows ?? "0";
  const switchedOff = outbound
    .filter(({ object }) => !isPartOfParent(object))
    .map(({ what, switchOn }) => ({ what, on: switchOn }));
  for (const { name, state } of asleep) {
    switchedOff.push({ what: `event trigger ${name}`, on: switchOnEventTrigger(name, state) });
  }
  // First: what is filled or fired after it may mean to send.
  if (heldBack) switchedOff.unshift({ what: "requests of pg_net: each is dropped as it comes", on: letRequestsGo });
  switchedOff.push(...cronJobs);
  const byHand: string[] = [];
  const logins = source.roles.filter((role) => role.login && !(facts.supabase && isReservedRole(role.name)));
  if (logins.length > 0) {
    byHand.push(`Set passwords (a set holds none): ${logins.map((role) => role.name).join(", ")}.`);
  }
  const { secrets } = off;
  if (secrets?.byHand) byHand.push(secrets.byHand);
  if (!source.tables.some(isVaultSecrets) && rows("vault.secrets") !== "0" && !plan.loads.has("vault.secrets")) {
    byHand.push(
      `Create the ${rows("vault.secrets")} Vault secrets anew (vault.create_secret), or bring the source's root key over first.`,
    );
  }
  const mappings = source.objects.filter((object) => object.kind === "user mapping");
  if (mappings.length > 0) {
    const names = mappings.map((object) => object.identity).join(", ");
    byHand.push(`Set the options of the user mappings (Postgres shows them to their owner only): ${names}.`);
  }
  for (const { identity, definition } of source.objects.filter(({ kind }) => kind === "subscription")) {
    byHand.push(
      `Subscription ${identity} receives nothing here. To go on from its publisher: CREATE SUBSCRIPTION ${identity} CONNECTION '…' ${definition.replace(/\)$/, ", create_slot = false, copy_data = false)")}, or ALTER SUBSCRIPTION ${identity} ENABLE where it is there.`,
    );
  }
  for (const column of stray) {
    byHand.push(
      `${column} holds OIDs that stood for tables, functions or roles of the source and mean nothing here: set them anew (select 'name'::regclass::oid).`,
    );
  }
  if (facts.supabase) {
    byHand.push(
      "Set in the dashboard what no database holds: auth, storage and API settings, edge functions and their secrets, API keys in the app.",
    );
  }
  return { switchedOff, byHand };
}
