import { standstill } from "../../policy/retention.ts";
import { keptKits } from "../../vault/kits.ts";
import { alarmOf } from "../../vault/published/publications.ts";
import type { SetName } from "../../vault/sets/catalogue.ts";
import { openGate } from "./gate.ts";
import { type JudgedLeftovers, judgeLeftovers } from "./half-removed.ts";
import { planSets, type SetPlan } from "./plan-sets.ts";
import { type RecordsRemoved, removeLitter, removeRecords } from "./records.ts";
import { type RemovalsDone, runRemovals } from "./removal-loop.ts";
import { noteRemoval } from "./removal-note.ts";
import { leftoversOf, setRemoval } from "./remove-sets.ts";
import type { RetentionTools } from "./tools.ts";

/** What was, or would be, done for the database's vault. */
export interface DatabaseRetention {
  readonly plan: SetPlan;
  /** Sets that are there when it is done, or would be. */
  readonly staying: readonly SetName[];
  /** Folders without a manifest: of runs that died, and of sets that were removed in part. */
  readonly leftovers: readonly SetName[];
  /** Sets whose manifest somebody else has deleted, and why what is left of them stays. */
  readonly orphans: JudgedLeftovers["stay"];
  /** Null: a rehearsal. */
  readonly removals: RemovalsDone | null;
  readonly records: RecordsRemoved | null;
  /** Object versions that went, or that a lock, a hold or a missing right keeps. */
  readonly deleted: number;
  readonly keptBack: number;
  /** Keys in sets' folders that nobody of ours has named so. */
  readonly strangers: readonly string[];
  /** What somebody else did to sets, in words for people. */
  readonly alarms: readonly string[];
}

/** @throws as `applyRetention` */
export async function retainSets(tools: RetentionTools): Promise<DatabaseRetention> {
  const { vault, lease, holds, now } = tools;
  await lease?.assertHeld();
  const plan = await planSets({ ...tools, neededOf: (sets) => holds.neededOf(sets) });
  const left = await leftoversOf(vault, lease, now, plan.folders);
  const free = left.folders.filter(({ set }) => holds.why(set) === null);
  const judged = await judgeLeftovers(vault, free, plan);
  const alarms = [
    ...plan.alarms,
    ...alarmOf(left.hidden, "hidden by delete markers", "set without a manifest"),
    ...judged.alarms,
  ];
  for (const alarm of alarms) tools.log.warn(alarm);
  const going = plan.plan.decisions.flatMap(({ keep, tier, set }) => (keep || tier === null ? [] : [{ tier, set }]));
  const wanted = going.map(({ set }) => set);
  const gate = lease && openGate({ lease, incident: tools.incident, held: () => holds.whyNow(wanted) });
  // What was never published, or half removed, is nobody's only good set; but while something is wrong, nothing goes at all.
  const leftovers = standstill(plan.facts) === null ? judged.finish : [];
  const steps = gate && setRemoval(vault, gate, leftovers, now);
  if (lease !== null && tools.following === undefined)
    await noteRemoval(vault, now, { sets: [...going, ...leftovers], snapshots: [] });
  const removals = steps && (await runRemovals(going, steps));
  const removed = new Set((removals?.removed ?? going).map(({ set }) => set));
  const staying = plan.folders.filter(({ set, state }) => state !== "none" && !removed.has(set));
  const there = new Set([...staying.map(({ set }) => set), ...(await keptKits(vault, tools.verify))]);
  const records =
    standstill(plan.facts) !== null || (removals?.stopped ?? null) !== null
      ? null
      : await removeRecords(vault, { ...tools, gate, isThere: (set) => there.has(set) });
  const litter = tools.stop === null ? await removeLitter(vault, gate, now) : null;
  const parts = [removals, records, litter].filter((one) => one !== null);
  return {
    ...{ plan, staying, leftovers, orphans: judged.stay, removals, records, strangers: [...(steps?.strangers ?? [])] },
    alarms: [...alarms, ...(records?.alarms ?? [])],
    deleted: parts.reduce((sum, { deleted }) => sum + deleted, 0),
    keptBack: parts.reduce((sum, { kept }) => sum + kept, 0),
  };
}
