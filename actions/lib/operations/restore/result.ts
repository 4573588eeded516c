import type { Difference } from "../../compare/difference.ts";
import { tableName } from "../../postgres/identifier.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import { strayOids } from "../../postgres/inventory/references.ts";
import { isVaultSecrets } from "../../postgres/inventory/vault-secrets.ts";
import { isReservedRole } from "../../postgres/platform-owned.ts";
import type { MigrationResult } from "../migrate/bring-up-to-date.ts";
import type { TargetFacts } from "../target/target.ts";
import { wakeJobs } from "./load/cron-jobs.ts";
import type { DataPlan } from "./plan/plan-data.ts";
import type { RestoreTask, Run } from "./plan/run.ts";
import { letRequestsGo, type Outbound, switchOnEventTrigger } from "./quiet/firing.ts";
import { whatRunsAs } from "./quiet/may-call-out.ts";
import { isPartOfParent } from "./quiet/outbound.ts";
import type { SecretsOutcome } from "./settle/vault-secrets.ts";

/** What a restore tells when it has ended. Names and counts only. */
export interface RestoreResult {
  /** `equal`: everything in the set's inventory is in the target, but for what is named as expected. */
  readonly outcome: "equal" | "differs" | "unverified" | "dry-run";
  readonly set: string;
  readonly tier: string;
  readonly snapshotAt: string;
  readonly target: {
    readonly name: string;
    readonly database: string;
    readonly kind: "supabase" | "plain";
    readonly serverVersion: string;
  };
  /** Whether an interrupted restore of the same set was taken up. */
  readonly begun: "fresh" | "resumed";
  readonly counts: {
    readonly objects: number;
    readonly tables: number;
    readonly rows: string;
    readonly foreignKeysChecked: number;
  };
  /** Seconds by stage, in order. */
  readonly stages: readonly { readonly name: string; readonly seconds: number }[];
  readonly differences: readonly Difference[];
  /** What was switched off so that the copy stays quiet, with the statement that switches it on. */
  readonly switchedOff: readonly { readonly what: string; readonly on: string }[];
  /** What a person has to do by hand afterwards. */
  readonly byHand: readonly string[];
  /** What is to be said of the room on the target's disk, if anything. */
  readonly room?: string;
  /** Where they were asked for, and the restore was equal. */
  readonly migrations?: MigrationResult;
}

export function resultHeading({ open, targetName }: RestoreTask, source: Inventory, facts: TargetFacts) {
  return {
    set: open.set,
    tier: open.tier,
    snapshotAt: open.manifest.snapshotAt,
    target: {
      name: targetName,
      database: facts.inventory.database,
      kind: facts.supabase ? ("supabase" as const) : ("plain" as const),
      serverVersion: facts.inventory.serverVersion,
    },
    counts: {
      objects: source.objects.length,
      tables: source.tables.length,
      rows: rowCount(source),
      foreignKeysChecked: 0,
    },
  };
}

export function rowCount(source: Inventory): string {
  return source.tables.reduce((sum, table) => sum + BigInt(table.fingerprint?.rows ?? "0"), 0n).toString();
}

export function dryRunResult(
  task: RestoreTask,
  source: Inventory,
  facts: TargetFacts,
  stages: RestoreResult["stages"],
): RestoreResult {
  return {
    ...resultHeading(task, source, facts),
    outcome: "dry-run",
    begun: "fresh",
    stages,
    differences: [],
    switchedOff: [],
    byHand: [whatRunsAs(source, facts)].filter((one) => one !== undefined),
  };
}

/** What no database holds; a recovery brings most of it back from the set's configuration. */
export const dashboardTask =
  "Set in the dashboard what no database holds: auth, storage and API settings, edge functions and their secrets, API keys in the app.";

/** How a restore has ended, and what of the copy is off. */
interface Ended {
  readonly outcome: RestoreResult["outcome"];
  /** What the proof found off. */
  readonly off: readonly Outbound[];
  /** What became of Vault's secrets. */
  readonly secrets: SecretsOutcome | undefined;
  /** Whether requests of pg_net are dropped. */
  readonly heldBack: boolean;
}

/** What was switched off, and what only a person can do, for the end of the report. */
export async function afterwards(
  { source, facts, client, journal, quiet }: Run,
  plan: DataPlan,
  { outcome, off, secrets, heldBack }: Ended,
): Promise<Pick<RestoreResult, "switchedOff" | "byHand">> {
  const unfinished = outcome !== "equal";
  const rows = (name: string) => source.tables.find((table) => tableName(table) === name)?.fingerprint?.rows ?? "0";
  const switchedOff = off
    .filter(({ object }) => !isPartOfParent(object))
    .map(({ what, switchOn }) => ({ what, on: switchOn }));
  for (const { name, state } of unfinished ? journal.asleep : []) {
    switchedOff.push({ what: `event trigger ${name}`, on: switchOnEventTrigger(name, state) });
  }
  // First: what is filled or fired after it may mean to send.
  if (heldBack && (unfinished || quiet.holdsRequests)) {
    switchedOff.unshift({ what: "requests of pg_net: each is dropped as it comes", on: letRequestsGo });
  }
  switchedOff.push(...wakeJobs(journal));
  const byHand: string[] = [];
  const logins = source.roles.filter((role) => role.login && !(facts.supabase && isReservedRole(role.name)));
  if (logins.length > 0) {
    byHand.push(`Set passwords (a set holds none): ${logins.map((role) => role.name).join(", ")}.`);
  }
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
  for (const column of await strayOids(client)) {
    byHand.push(
      `${column} holds OIDs that stood for tables, functions or roles of the source and mean nothing here: set them anew (select 'name'::regclass::oid).`,
    );
  }
  if (facts.supabase) {
    byHand.push(dashboardTask);
  }
  return { switchedOff, byHand };
}
