import { LifeboatError } from "../../base/errors.ts";
import type { Clock } from "../../base/flow/clock.ts";
import type { Log } from "../../base/log.ts";
import { readKeyring } from "../../seal/keys/keyring.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import type { ManagementApi } from "../../supabase/management-api.ts";
import { trustedSigners } from "../../vault/configured.ts";
import { openSet, readSignedSet, type SetRef } from "../../vault/sets/open-set.ts";
import type { Context } from "../context.ts";
import { newPassword } from "../recover/complete-loss/project.ts";
import { LossWork } from "../recover/complete-loss/work.ts";
import { runPhases } from "../recover/phases.ts";
import { beginState, type RecoveryState, type StateAccess } from "../recover/state.ts";
import { targetConnector } from "../target/sessions.ts";
import type { AdmittedDrill } from "./admit.ts";
import { lostSpan, newestSentinel, readSourceLoss, type SourceLoss } from "./lost.ts";
import { type SabotageResult, trySabotaged } from "./sabotage.ts";
import { clearDrill } from "./states.ts";

export interface DrillWork extends AdmittedDrill {
  readonly states: StateAccess;
  readonly prover: UnlockedKey;
  readonly seed: string;
  readonly clock: Clock;
  readonly api: ManagementApi | undefined;
  readonly signal: AbortSignal;
}

/** What happened in a drill, before anybody judges it. */
export interface Played {
  readonly state: RecoveryState;
  readonly startedAt: Date;
  readonly machineSeconds: number;
  /** Undefined: all phases ended well. */
  readonly broke: { readonly code: string; readonly message: string } | undefined;
  readonly lost: ReturnType<typeof lostSpan> & Pick<SourceLoss, "rows" | "files" | "sentinels">;
  readonly sabotage: SabotageResult | null;
  /** What could not be cleared away, in words. */
  readonly left: string | undefined;
}

/**
 * Loses everything, in thought: from this moment the clock runs. Then all phases of the recovery, the sabotaged set, and what was made is
 * cleared away, whatever came of it.
 */
export async function play(context: Context, drill: DrillWork): Promise<Played> {
  const { plan, request, signal } = drill;
  const { log } = context;
  const password = plan.project === null ? null : newPassword();
  // A price that is not listed is judged by the drill's own phase.
  const facts = { request, plan, password, production: drill.production, unpriced: true };
  const human = { by: context.holder ?? "by hand", what: "began the drill" };
  const state = await beginState({ scenario: drill.scenario, facts, human }, drill.states);
  try {
    return { ...(await playThrough(context, drill, state)), left: await clear(drill, state, log) };
  } catch (error) {
    // Called off: the next drill clears away what this one has left.
    signal.throwIfAborted();
    const left = await clear(drill, state, log);
    if (left !== undefined) log.warn(left);
    throw error;
  }
}

async function playThrough(context: Context, drill: DrillWork, state: RecoveryState): Promise<Omit<Played, "left">> {
  const { clock, place, plan, phases, prover, sources, signal, seed } = drill;
  const { log, env } = context;
  const set = plan.candidates[0]?.set ?? "";
  await place.prepare(set);
  /** Null where it broke: a question that has no answer keeps nothing else from being told. */
  const forgiving = async <T>(ask: () => Promise<T>): Promise<T | null> => {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof LifeboatError)) throw error;
      log.warn(error.message);
      return null;
    }
  };
  const config = sources.config;
  const trusted = await trustedSigners(config);
  const inventoryOf = async (ref: SetRef) =>
    (await openSet(sources.vault, ref, { trustedSigners: trusted, privateKey: prover })).inventory();
  const startedAt = new Date(clock.now());
  const asking = { env, log, signal, at: clock.now() };
  const first = plan.candidates[0];
  const atSource = first && (await readSourceLoss(() => inventoryOf(first), plan.snapshotAt, asking));
  const work = new LossWork(drill.context, {
    ...{ sources, state, clock, api: drill.api, staysStaging: plan.project === null },
  });
  const lostAt = clock.now();
  log.info("Everything is lost, in this drill: the clock runs.");
  const broke = await runPhases(phases, work, { record: state, clock, log, signal, again: "" }).then(
    () => undefined,
    (error: unknown) => {
      signal.throwIfAborted();
      if (!(error instanceof LifeboatError)) throw error;
      log.warn(error.message);
      return { code: error.code, message: error.message.replace(/\.$/, "") };
    },
  );
  const machineSeconds = (clock.now() - lostAt) / 1000;
  if (broke === undefined) await place.settle(set);
  const { restored } = work.facts();
  const restoredSentinel = restored === null ? null : await forgiving(() => sentinelOf(work, lostAt, log, signal));
  // An older set was taken than the one that was counted for.
  const counted = restored === null || restored.set === set ? atSource : undefined;
  const lost = {
    ...lostSpan(
      { lostAt, snapshotAt: Date.parse(restored?.snapshotAt ?? plan.snapshotAt) },
      { atSource: atSource?.sentinel ?? null, restored: restoredSentinel },
    ),
    ...{ rows: counted?.rows ?? null, files: counted?.files ?? null, sentinels: counted?.sentinels ?? null },
  };
  const { recipients } = await readKeyring(config.publicKeys.armored);
  // What could not be tried was not refused: the drill is red for it.
  const sabotage = await forgiving(async () => {
    const signed = await readSignedSet(sources.vault, restored?.set ?? set, trusted);
    return trySabotaged({ vault: sources.vault, signed, trusted, prover, recipients, seed, log, signal });
  });
  return { state, startedAt, machineSeconds, broke, lost, sabotage };
}

async function sentinelOf(work: LossWork, at: number, log: Log, signal: AbortSignal): Promise<number | null> {
  const { policy } = work.context.config();
  const client = await targetConnector({ target: (await work.place()).target, policy }, "drill", { log, signal })();
  try {
    return await newestSentinel(client, at);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** @returns what stays, in words for people */
async function clear({ place, api, clock, signal }: DrillWork, state: RecoveryState, log: Log) {
  try {
    await place.clear();
    if (!(await clearDrill(state, api, { clock, log, signal })))
      return "whether the drill's project was made is not known; a later drill looks again";
    await state.end("handed over");
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LifeboatError)) throw error;
    return `what the drill made could not be cleared away: ${error.message.replace(/\.$/, "")}`;
  }
}
