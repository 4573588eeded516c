import { ConfigurationError } from "../../base/errors.ts";
import type { Config } from "../../config/load.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { trustedSigners } from "../../vault/configured.ts";
import { type DrillScenario, promiseOf } from "../../vault/format/proof.ts";
import { readSignedSet } from "../../vault/sets/open-set.ts";
import { Context } from "../context.ts";
import { type LossPlan, type LossRequest, sourcesFor } from "../recover/complete-loss/facts.ts";
import { look, openApi } from "../recover/complete-loss/look.ts";
import { lossPhases, ofConfiguration } from "../recover/complete-loss/phases.ts";
import type { LossWork } from "../recover/complete-loss/work.ts";
import type { Phase } from "../recover/phases.ts";
import { openSources, type Sources } from "../recover/sources.ts";
import { assertWithinDrillBudget, priceOf, refsOfProduction, refuseProductionsToken } from "./in-project.ts";
import { type DrillPlace, inStaging } from "./in-staging.ts";

/** A drill that has passed its gates; nothing was written for it. */
export interface AdmittedDrill {
  readonly scenario: DrillScenario;
  /** With the policy as the recovery is to see it. */
  readonly context: Context;
  readonly sources: Sources;
  readonly request: LossRequest;
  readonly plan: LossPlan;
  readonly phases: readonly Phase<LossWork>[];
  readonly place: DrillPlace;
  /** Refs that are production's. */
  readonly production: readonly string[];
}

interface Wanted {
  readonly scenario: DrillScenario;
  /** Drills whose projects may still be there. */
  readonly known: readonly string[];
  readonly dryRun: boolean;
}

/**
 * @param closing gives staging back, closes what was opened
 * @throws ConfigurationError what the gates of staging, of recover, or of a project of the drill's own refuse
 */
export async function admitDrill(
  context: Context,
  wanted: Wanted,
  closing: AsyncDisposableStack,
): Promise<AdmittedDrill> {
  const { scenario } = wanted;
  const config = context.config("vault", "opening");
  const { policy } = config;
  const request = requestOf(scenario, policy);
  // The recovery makes its project where the drill may; what that may cost is judged below, by the drill and not by the month.
  const recovery = { ...policy.recovery, organization: policy.drill.organization, mostUsdPerMonth: Number.MAX_VALUE };
  const own = new Context({ config: { ...config, policy: { ...policy, recovery } }, ...runOf(context) });
  closing.use(own);
  const sync = closing.use(new DisposableStack());
  const sources = await openSources(own, sourcesFor(request), sync);
  const { rtoMinutes } = policy.promises.scenarios[promiseOf[scenario]];
  if (request.target === null) {
    const signers = await trustedSigners(config);
    const refs = await refsOfProduction(config.projectRef, () => readSignedSet(sources.vault, "latest", signers));
    await refuseProductionsToken(openApi(own), refs, policy);
    const plan = await look(own, sources, request, wanted.known);
    const dollars = plan.project?.dollars ?? null;
    if (dollars !== null) assertWithinDrillBudget(dollars, rtoMinutes, policy.drill.mostUsd);
    const phases = lossPhases(plan, policy, scenario);
    const at = 1 + phases.findIndex(({ name }) => name === "make the project");
    const priced = phases.toSpliced(at, 0, priceOf(plan, rtoMinutes, policy.drill.mostUsd));
    const place = { name: "new project", ref: null, prepare: nothing, settle: nothing, clear: nothing };
    return { scenario, context: own, sources, request, plan, phases: priced, place, production: refs };
  }
  // `openSources` reads the target's settings, and its Storage's where there are any.
  const read: Config = sources.config;
  const target = read as Config<"opening" | "target"> & Partial<Config<"targetStorage">>;
  const gate = await context.incidentGate();
  const { log, signal } = context;
  const staging = { config: target, storage: target.targetStorage, vault: sources.vault, gate, log, signal };
  const place = await inStaging({ ...staging, dryRun: wanted.dryRun }, closing);
  const plan = await look(own, sources, request, wanted.known);
  // Production's mail and hooks must not come to life in staging, nor stay there.
  const phases = lossPhases(plan, policy, scenario).filter(({ name }) => !ofConfiguration.includes(name));
  return { scenario, context: own, sources, request, plan, phases, place, production: [] };
}

/** A new project is emptied by being deleted. */
async function nothing(): Promise<void> {}

function runOf({ log, signal, run }: Context) {
  return { log, signal, run };
}

function requestOf(scenario: DrillScenario, { drill, project, regions, promises, recovery }: Policy): LossRequest {
  const common = {
    // Without point-in-time recovery a failed database is a lost one: plan B is its recovery.
    scenario: scenario === "regional-disaster" ? scenario : ("complete-loss" as const),
    ...{ set: "latest", production: null, migrations: null },
  };
  if (drill.organization === null) return { ...common, target: drill.target, projectName: null, region: null };
  const lost = promises.supabase.region ?? recovery.region;
  const region = scenario === "regional-disaster" ? regions.find((one) => one !== lost) : null;
  if (region === undefined)
    throw new ConfigurationError(
      "region-refused",
      "The policy allows no second region: the loss of production's cannot be played.",
      "Have another region allowed by review (regions), or name another scenario.",
    );
  return { ...common, target: null, projectName: `${project.name}-drill`, region };
}
