import { eventTriggersQuery } from "../../../postgres/inventory/around-relations.ts";
import type { InventoryObject } from "../../../postgres/inventory/model.ts";
import { widerPaths } from "../../../postgres/inventory/name-lookup.ts";
import { readObjects } from "../../../postgres/inventory/read.ts";
import { isPlatformOwner } from "../../../postgres/platform-owned.ts";
import { type Loaded, switchingOff } from "../load/load.ts";
import type { DataPlan } from "../plan/plan-data.ts";
import type { Run } from "../plan/run.ts";
import { failuresByKey, runSteps } from "../plan/steps.ts";
import type { Outbound } from "../quiet/firing.ts";
import { withoutEmpty } from "../quiet/outbound.ts";
import { aroundFiles } from "./around-files.ts";
import { refreshViews, settleSequences } from "./contents.ts";
import { replayErasures } from "./erasures.ts";
import { makeEventTriggers } from "./event-triggers.ts";
import { clearDefaultPrivileges, settleMembers, settleOwners, settleRights } from "./rights.ts";
import { type Failures, joinOwners, restoreRoles, settleSettings } from "./roles.ts";
import { restoreSecrets, type SecretsOutcome } from "./vault-secrets.ts";

/** Everything that the steps of a restore found out and the proof needs. */
export interface RestoreFindings {
  readonly failures: ReadonlyMap<string, string>;
  readonly rowFailures: ReadonlyMap<string, string>;
  readonly viewFailures: ReadonlyMap<string, string>;
  readonly sequenceFailures: ReadonlyMap<string, string>;
  readonly secrets?: SecretsOutcome | undefined;
  /** What stays off in the copy. */
  readonly outbound: readonly Outbound[];
  /** What of the erasures keeps the restore from being proven. */
  readonly erased?: Awaited<ReturnType<typeof replayErasures>>;
  /** Why rows of files may be others than before the files came in. */
  readonly otherMoment?: string | undefined;
}

/** Makes the roles that own what comes, and lets the session act for them. Returns reasons, as `restoreRoles`. */
export async function settleRoles({ client, source, facts, stages }: Run): Promise<Failures> {
  const failures = await stages.run("roles", () => restoreRoles(client, source, facts));
  await joinOwners(client, source, facts);
  await clearDefaultPrivileges(client, facts.inventory);
  return failures;
}

/**
 * Makes everything else of the target what it was: sequences, owners and rights, views, secrets, files; event triggers and
 * settings at the very end, since they would act on what comes before.
 * @param roles reasons of `settleRoles`
 */
export async function settle(
  run: Run,
  loaded: Loaded,
  roles: Failures,
): Promise<{ readonly plan: DataPlan; readonly findings: RestoreFindings }> {
  const { task, source, client, facts, quiet, schema, journal, stages } = run;
  const { outbound } = quiet;
  const sequenceFailures = await settleSequences(client, source, loaded.made.plan);
  const rights = await stages.run("owners and grants", () => settleRights(client, source, facts));
  // As their owners, who need the rights that they had.
  const made = await loaded.repair();
  const { plan } = made;
  const erased = await stages.run("erasures", () => replayErasures(run, plan));
  const viewFailures = await stages.run("materialised views", () =>
    refreshViews(client, withoutEmpty(source, outbound), widerPaths(source)),
  );
  const members = await settleMembers(client, source, facts);
  const on = { supabase: facts.supabase, test: task.unmark === false };
  const secrets = await restoreSecrets(client, task.open, source, on);
  let otherMoment: string | undefined;
  if (task.bringFiles !== undefined) {
    await aroundFiles({ client, plan, journal, triggers: schema.afterFiles }, async () => {
      otherMoment = await task.bringFiles?.();
    });
  }
  const ofStorage = await runSteps(client, schema.afterFiles, switchingOff(quiet));
  const events = await makeEventTriggers(client, schema.last, outbound, journal);
  // One that is given to the platform could not be woken any more: Supabase's postgres may give it away, and not take it back.
  const others = ({ kind, owner }: InventoryObject) =>
    kind !== "event trigger" || (facts.supabase && isPlatformOwner(owner));
  const present = { objects: await readObjects(client, [eventTriggersQuery]) };
  const eventOwners = await settleOwners(client, source, present, others);
  const settings = await settleSettings(client, source, facts);
  const failures = new Map([
    ...run.failures,
    ...roles,
    ...failuresByKey(made.before, made.built, made.after, ofStorage, events),
    ...[made.checks, rights, members, eventOwners, settings].flatMap((some) => [...some]),
  ]);
  const rowFailures = made.rows;
  return {
    plan,
    findings: { failures, rowFailures, viewFailures, sequenceFailures, secrets, outbound, erased, otherMoment },
  };
}
