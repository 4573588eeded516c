import type { Client } from "pg";
import { ConfigurationError } from "../../base/errors.ts";
import { Stages } from "../../base/flow/stages.ts";
import type { Log } from "../../base/log.ts";
import { outcomeOf } from "../../compare/difference.ts";
import type { Inventory, InventoryObject } from "../../postgres/inventory/model.ts";
import { readInventory } from "../../postgres/inventory/read.ts";
import { widerPaths } from "../../postgres/inventory/search-paths.ts";
import { strayOids } from "../../postgres/inventory/stored-oids.ts";
import { isPlatformOwner } from "../../postgres/platform-owned.ts";
import { refuseWithoutWebhooks } from "../../supabase/platform/webhooks.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import type { OpenSet } from "../../vault/sets/open-set.ts";
import { attempt } from "../target/attempt.ts";
import { brokenOff, Sessions } from "../target/sessions.ts";
import { inspectTarget, type TargetFacts, unavailableExtensions } from "../target/target.ts";
import { afterwards } from "./by-hand.ts";
import { finishRestore } from "./finish.ts";
import { refuseOccupied } from "./gate/occupants.ts";
import { admitResumed } from "./gate/resume-gate.ts";
import { wakeJobs } from "./load/cron-jobs.ts";
import type { DataTask } from "./load/load-data.ts";
import { type MakingTask, makeAndFill, mendWithRights } from "./load/make-and-fill.ts";
import { makeRoom } from "./load/make-room.ts";
import { makeQueues } from "./load/message-queues.ts";
import { failuresByKey } from "./plan/failures-by-key.ts";
import { planSchema, type SchemaPlan } from "./plan/plan.ts";
import { planData } from "./plan/plan-data.ts";
import { readSchema } from "./plan/read-schema.ts";
import { type AfterStep, dumpClient, runSteps } from "./plan/run-steps.ts";
import { readTargetTables } from "./plan/target-tables.ts";
import { aroundFiles } from "./proof/around-files.ts";
import { proveRestored } from "./proof/prove-restored.ts";
import type { ProvenTarget } from "./proven-target.ts";
import { clearRequests, holdRequests } from "./quiet/hold-requests.ts";
import { checksOff, planQuiet, type QuietPlan, withoutEmpty } from "./quiet/outbound.ts";
import { whatRunsAs } from "./quiet/runs-as-restorer.ts";
import { dryRunResult, type RestoreResult, resultHeading, rowCount } from "./result.ts";
import { takeAutomaticRls } from "./settle/automatic-rls.ts";
import { withOwners } from "./settle/early-owners.ts";
import { makeEventTriggers } from "./settle/event-triggers.ts";
import { clearDefaultPrivileges, settleOwners } from "./settle/privileges.ts";
import { refreshViews } from "./settle/refresh-views.ts";
import { joinOwners, restoreRoles, settleSettings } from "./settle/roles.ts";
import { settleSequences } from "./settle/settle-contents.ts";
import { settleMembers, settleRights } from "./settle/settle-rights.ts";
import { restoreSecrets } from "./settle/vault-secrets.ts";
import { Journal } from "./target/journal.ts";
import { stateOf } from "./target/target-state.ts";

export interface RestoreTask {
  readonly open: OpenSet;
  /** Name of the target, as the policy has it. */
  readonly targetName: string;
  /** A new session at the target with the pinned settings. */
  readonly connect: () => Promise<Client>;
  /** Sessions that load, index and measure side by side. */
  readonly jobs: number;
  readonly dryRun: boolean;
  /**
   * Brings in the files that belong to the rows, before anything of the user's could notice. Returns why rows of files
   * may be others than the set's, where the files are of another moment.
   */
  readonly bringFiles?: (() => Promise<string | undefined>) | undefined;
  /** Done in the target while it is proven and its notes are still there, so that the proof can be repeated. */
  readonly whileProven?: ((proven: ProvenTarget) => Promise<void>) | undefined;
  /** Takes the marker of staging out of the target before anything else: what a person restores, they mean to use. */
  readonly unmark?: boolean;
  readonly log: Log;
  /** Hangs up all sessions at once when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Restores one set into an empty target and proves it. The gates come first: nothing is written before the set has been
 * found to be signed and whole in its list, and the target to be empty or an interrupted restore of this very set.
 *
 * @throws ConfigurationError what the gates refuse; OperationError what breaks on the way (a later run takes it up)
 */
export async function restoreSet(task: RestoreTask): Promise<RestoreResult> {
  await using sessions = new Sessions(task.connect, task.signal);
  try {
    return await restoreOn({ ...task, connect: () => sessions.open() });
  } catch (error) {
    throw brokenOff(error);
  }
}

async function restoreOn(task: RestoreTask): Promise<RestoreResult> {
  const stages = new Stages(task.log);
  const source = await stages.run("read the set", () => task.open.inventory());
  const toc = await stages.run("read the schema", () => readSchema(task.open, source));
  const client = await dumpClient(task.connect);
  try {
    const facts = await stages.run("look at the target", () => admit(task, client, source));
    const quiet = planQuiet(source, facts.supabase);
    refuseSpeakingKeys(quiet);
    const meaning = whatRunsAs(source, facts);
    if (meaning !== undefined) task.log.warn(meaning);
    if (task.dryRun) return dryRunResult(task, source, facts, stages.taken);
    const journal = await Journal.open(client, task.open.set, stateOf(facts.inventory), task.unmark);
    const room = await makeRoom(client, source, facts);
    const leftOut = new Set(quiet.outbound.filter(({ how }) => how === "left out").map(({ object }) => object));
    const schema = planSchema(toc, source, room.facts.inventory, facts.platform, {
      without: leftOut,
      withFiles: task.bringFiles !== undefined,
    });
    return await restoreInto({ task, source, client, ...room, quiet, schema, journal, stages });
  } finally {
    await client.end().catch(() => undefined);
  }
}

interface Run {
  readonly task: RestoreTask;
  readonly source: Inventory;
  readonly client: Client;
  readonly facts: TargetFacts;
  /** Why something of the target could not make room, by object key. */
  readonly failures: ReadonlyMap<string, string>;
  readonly quiet: QuietPlan;
  readonly schema: SchemaPlan;
  readonly journal: Journal;
  readonly stages: Stages;
}

async function restoreInto(run: Run): Promise<RestoreResult> {
  const { task, source, client, facts, quiet, schema, journal, stages } = run;
  const { outbound } = quiet;
  const { connect, jobs, log } = task;
  const roleFailures = await stages.run("roles", () => restoreRoles(client, source, facts));
  await joinOwners(client, source, facts);
  await clearDefaultPrivileges(client, facts.inventory);
  const off = checksOff(outbound);
  let heldBack = false;
  const holdBack = async () => {
    heldBack = await holdRequests(client);
  };
  const making: MakingTask = {
    ...{ client, schema, jobs, stages, holdBack, standIns: quiet.standIns },
    // Without them, so that none is put back.
    source: { ...source, objects: source.objects.filter((object) => !off.some((one) => one.object === object)) },
    planRows: async () => {
      for (const { switchOff } of off) await attempt(client, switchOff ?? "");
      for (const { how, switchOff } of outbound) if (how === "later") await attempt(client, switchOff ?? "");
      for (const { put } of quiet.standIns) await attempt(client, put);
      await holdBack();
      return planData(source, await readTargetTables(client), facts.platform, unavailableExtensions(source, facts));
    },
    makeQueues: () => makeQueues(dataSource(run), client),
    dataTask: (plan) => ({ ...dataSource(run), plan, ...(heldBack ? { afterRows: clearRequests } : {}) }),
    afterStep: withOwners(facts, switchingOff(quiet)),
  };
  const first = await makeAndFill(making);
  const sequenceFailures = await settleSequences(client, source, first.plan);
  const rights = await stages.run("owners and grants", () => settleRights(client, source, facts));
  // As their owners, who need the rights that they had.
  const made = await mendWithRights(making, first);
  const { plan } = made;
  const viewFailures = await stages.run("materialised views", () =>
    refreshViews(client, withoutEmpty(source, outbound), widerPaths(source)),
  );
  const settled = new Map([...rights, ...(await settleMembers(client, source, facts))]);
  const secrets = await restoreSecrets(client, task.open, source, {
    supabase: facts.supabase,
    test: task.unmark === false,
  });
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
  const eventOwners = await settleOwners(client, source, await readInventory(client), others);
  const settings = await settleSettings(client, source, facts);
  const prove = () =>
    proveRestored({
      source,
      facts,
      plan,
      journal,
      findings: {
        failures: new Map([
          ...run.failures,
          ...roleFailures,
          ...failuresByKey(made.before, made.built, made.after, ofStorage, events),
          ...made.checks,
          ...settled,
          ...eventOwners,
          ...settings,
        ]),
        rowFailures: made.rows,
        viewFailures,
        sequenceFailures,
        secrets,
        outbound,
        otherMoment,
      },
      connect,
      jobs,
      log,
    });
  const { differences, foreignKeysChecked, off: found } = await stages.run("prove", prove);
  const outcome = outcomeOf(differences);
  if (outcome === "equal") {
    await task.whileProven?.({
      ...{ source, facts, differences, stages, connect },
      measured: new Set(
        [...plan.loads]
          .filter(([, { quiet, keep }]) => quiet === undefined && keep === undefined)
          .map(([name]) => name),
      ),
      prove: async () => (await prove()).differences,
    });
    await finishRestore(client, quiet);
  } else await journal.noteEnd(client, stateOf(await readInventory(client)));
  return {
    ...resultHeading(task, source, facts),
    outcome,
    begun: journal.resumed ? "resumed" : "fresh",
    counts: {
      objects: source.objects.length,
      tables: source.tables.length,
      rows: rowCount(source),
      foreignKeysChecked,
    },
    stages: stages.taken,
    differences,
    ...afterwards(
      source,
      facts,
      plan,
      {
        outbound: found,
        heldBack: heldBack && (outcome !== "equal" || quiet.holdsRequests),
        asleep: outcome === "equal" ? [] : journal.asleep,
        secrets,
        cronJobs: wakeJobs(journal),
      },
      await strayOids(client),
    ),
  };
}

function dataSource({ task, source, journal, facts }: Run): Omit<DataTask, "plan"> {
  const kinds = new Set<Artifact["kind"]>(["data", "large-objects", "sql", "extension-rows"]);
  return {
    artifacts: task.open.manifest.artifacts.filter(({ kind }) => kinds.has(kind)),
    inventory: source,
    open: (artifact) => task.open.artifact(artifact.name),
    connect: task.connect,
    journal,
    mayReplicate: facts.mayReplicate,
    log: task.log,
  };
}

/** What may call out is switched off, or does nothing, from the transaction on that makes it. */
function switchingOff({ outbound, standIns }: QuietPlan): AfterStep {
  const switchOff = new Map([
    ...outbound.map(({ object, switchOff }) => [object, switchOff] as const),
    ...standIns.map(({ object, put }) => [object, put] as const),
  ]);
  return ({ entry, object }) => (entry.desc !== "COMMENT" && object !== undefined ? switchOff.get(object) : undefined);
}

/** @throws ConfigurationError `set-calls-out` */
function refuseSpeakingKeys({ speakingKeys }: QuietPlan): void {
  if (speakingKeys.length === 0) return;
  throw new ConfigurationError(
    "set-calls-out",
    `Functions that may call out decide which partition a row belongs to: ${speakingKeys.map(({ identity }) => identity).join(", ")}. Nothing has been written.`,
    "Follow the set's RECOVER.md on a machine that reaches nothing but its own database.",
  );
}

/** The gates: what the target is, and whether anything is in it that a restore would mix with. */
async function admit(task: RestoreTask, client: Client, source: Inventory): Promise<TargetFacts> {
  const facts = await inspectTarget(client, source.serverMajor);
  const earlier = await Journal.find(client);
  if (earlier === undefined) {
    await refuseOccupied(client, facts, { roles: source.roles });
    if (facts.supabase) refuseWithoutWebhooks(source, facts.inventory);
    return takeAutomaticRls(client, facts, task);
  }
  earlier.refuseOther(task.open.set);
  await admitResumed(client, earlier, facts.inventory, source);
  task.log.info(`Taking up the interrupted restore of set ${earlier.set}.`);
  return facts;
}
