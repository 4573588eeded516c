import { type Clock, realClock } from "../../base/flow/clock.ts";
import { readManagementApi } from "../../config/environment.ts";
import { hasReplica } from "../../config/vault-location.ts";
import { openManagementApi } from "../../supabase/management-api.ts";
import { provenBy } from "../../vault/configured.ts";
import type { DrillScenario } from "../../vault/format/proof.ts";
import { acquireLease } from "../../vault/lease/lease.ts";
import { readProofs } from "../../vault/sets/proof-store.ts";
import type { Context } from "../context.ts";
import { proverKey } from "../test-restore/begin.ts";
import { newSeed } from "../test-restore/defect/defect.ts";
import { admitDrill } from "./admit.ts";
import { chooseScenario, playable, quarterOf } from "./choose.ts";
import { concludeDrill } from "./conclude.ts";
import { play } from "./play.ts";
import { type DrillResult, drillsOf } from "./result.ts";
import { clearLeftovers, drillStates } from "./states.ts";

export interface DrillRequest {
  /** Undefined: the one whose turn it is. */
  readonly scenario?: DrillScenario | undefined;
  /** 8 hex digits; undefined: by chance. It chooses the sabotage, and the scenario among those that waited equally long. */
  readonly seed?: string | undefined;
  /** Do nothing when this quarter has a drill that went well, by the vault's clock. */
  readonly oncePerQuarter: boolean;
  /** What people's part of such a recovery takes, measured by them; undefined: as the last drill was told. */
  readonly humanMinutes?: number | undefined;
  readonly dryRun: boolean;
  readonly clock?: Clock;
}

/** One drill at a time works in a vault: another one would take its project for what a dead one left. */
const drillLease = "drill";

/**
 * Plays a scenario for real in a drill project, against the clock: everything that a recovery does, by the same code, then a sabotaged set
 * that must be refused. What dead drills left goes first; what this one made goes last.
 *
 * @throws ConfigurationError what the gates refuse, `prover-key`, `lease-held`: nothing was touched
 * @throws OperationError when the vault cannot be asked, or a proof not be written
 */
export async function runDrill(context: Context, request: DrillRequest): Promise<DrillResult> {
  const { log, env, signal } = context;
  const { clock = realClock, dryRun } = request;
  const config = context.config("vault", "opening");
  const prover = await proverKey(config);
  const vault = await context.vault();
  const now = await vault.serverTime();
  const { proofs } = await readProofs(vault, await provenBy(config));
  const drills = drillsOf(proofs.map(({ proof }) => proof));
  await using lease = dryRun
    ? undefined
    : await acquireLease(vault, drillLease, { holder: context.holder ?? "a drill by hand" });
  const states = await drillStates(config, { vault, prover, clock });
  const settings = readManagementApi(env);
  const api = settings && openManagementApi({ ...settings, signal });
  const known = dryRun ? [] : await clearLeftovers(states, api, { log, signal });

  const done = drills.findLast(
    ({ outcome, startedAt }) => outcome === "proven" && quarterOf(new Date(startedAt)) === quarterOf(now),
  );
  const key = done && proofs.find(({ proof }) => proof.proof === done.proof)?.key;
  if (request.oncePerQuarter && done !== undefined) {
    const { drill, finishedAt } = done;
    return { outcome: "nothing-to-do", scenario: drill.scenario, proof: key ?? "", finishedAt };
  }

  const seed = request.seed ?? newSeed();
  const able = playable(hasReplica(env));
  if (!able.includes("regional-disaster"))
    log.warn("The loss of the vault's region cannot be played: S3_REPLICA_BUCKET is not set.");
  const played = drills.map(({ drill, startedAt }) => ({ scenario: drill.scenario, startedAt }));
  const scenario = request.scenario ?? chooseScenario({ played, able, now, seed }) ?? "complete-loss";
  log.info(`Drill: ${scenario}, seed ${seed}.`);

  await using closing = new AsyncDisposableStack();
  const admitted = await admitDrill(context, { scenario, known, dryRun }, closing);
  const { plan, phases, place } = admitted;
  if (dryRun)
    return {
      ...{ outcome: "dry-run", scenario, set: plan.candidates[0]?.set ?? "", place: place.name },
      phases: phases.map(({ name, deadlineSeconds }) => ({ name, deadlineSeconds })),
      dollars: plan.project?.dollars ?? null,
    };
  const both = lease === undefined ? signal : AbortSignal.any([signal, lease.lost]);
  const work = { ...admitted, states, prover, seed, clock, api, signal: both };
  const before = drills.findLast(({ drill }) => drill.scenario === scenario)?.drill ?? null;
  const told = drills.findLast(({ drill }) => drill.human !== null)?.drill.human ?? null;
  const human =
    request.humanMinutes === undefined ? told : { minutes: request.humanMinutes, measuredAt: now.toISOString() };
  return concludeDrill(context, { ...work, vault, before, human }, await play(context, work));
}
