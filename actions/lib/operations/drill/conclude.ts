import { signDetached } from "../../seal/keys/signature.ts";
import { trustedSigners } from "../../vault/configured.ts";
import { newSetId } from "../../vault/format/manifest.ts";
import { type DrillProof, type Proof, promiseOf } from "../../vault/format/proof.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { readSignedSet } from "../../vault/sets/open-set.ts";
import { encodeProof, manifestHash, writeProof } from "../../vault/sets/proof-store.ts";
import type { Context } from "../context.ts";
import { lockUntil } from "../test-restore/publish-proof.ts";
import { costOf } from "./in-project.ts";
import { judgeDrill } from "./judge.ts";
import type { DrillWork, Played } from "./play.ts";
import type { DrillPhase, DrillReport } from "./result.ts";
import { drillFactsSchema } from "./states.ts";

export interface Concluding extends DrillWork {
  /** Takes the proof: the vault also when the set was read from the replica. */
  readonly vault: Vault;
  readonly before: DrillProof | null;
  readonly human: DrillProof["human"];
}

/** Judges what was played, signs it, and tells it. */
export async function concludeDrill(context: Context, drill: Concluding, played: Played): Promise<DrillReport> {
  const { scenario, plan, place, seed, human, before } = drill;
  const { policy } = context.config();
  const { state, machineSeconds, lost, sabotage } = played;
  const { restored, checks, ref, configuration, migrated, tried, dollarsAMonth } = state.facts(drillFactsSchema);
  const { rtoMinutes, rpoMinutes } = policy.promises.scenarios[promiseOf[scenario]];
  const promised = { rtoMinutes, rpoMinutes };
  const cameBack = { restored, configuration, migrated, tried };
  const found = { ...played, ...cameBack, ...promised, scenario, checks, inStaging: plan.project === null, human };
  const monthly = plan.project === null ? null : (plan.project.dollars ?? dollarsAMonth);
  const told = {
    ...judgeDrill(found),
    ...{
      drill: state.id,
      scenario,
      seed,
      place: { name: place.name, ref: place.ref ?? ref },
      phases: phasesOf(played),
    },
    ...{ machineSeconds, human, ...promised, lost, ...cameBack, checks: checks ?? [], sabotage },
    dollars: monthly === null ? null : costOf(monthly, machineSeconds),
    byHand: [...policy.recovery.handOver, ...(restored?.byHand ?? [])],
    before,
  };
  return { ...told, proof: await signProof(context, drill, played, told) };
}

function phasesOf({ state }: Played): DrillPhase[] {
  return state.times.map(({ phase, begunAt, endedAt, late }) => ({
    ...{ name: phase, seconds: (Date.parse(endedAt) - Date.parse(begunAt)) / 1000, late },
  }));
}

/** @returns its key; null: so little came back that there is nothing to prove */
async function signProof(
  context: Context,
  { vault, sources, prover }: Concluding,
  { startedAt }: Played,
  report: Omit<DrillReport, "proof">,
): Promise<string | null> {
  const { restored, configuration, migrated, checks, sabotage, phases, place } = report;
  const { scenario, rtoMinutes, machineSeconds, human, lost, dollars } = report;
  if (restored === null || sabotage === null) return null;
  const config = context.config();
  const { manifest, tier, set } = await readSignedSet(sources.vault, restored.set, await trustedSigners(config));
  const proof: Proof = {
    format: "lifeboat-proof/1",
    ...{ proof: newSetId(startedAt), set, tier, snapshotAt: manifest.snapshotAt, turn: "named" },
    manifestSha256: (await manifestHash(sources.vault, tier, set)) ?? "",
    ...{ startedAt: startedAt.toISOString(), finishedAt: new Date().toISOString(), outcome: report.outcome },
    target: { name: place.name, projectRef: place.ref ?? "", ...restored.target },
    software: { lifeboat: config.version, node: process.version },
    counts: {
      ...restored.counts,
      ...{ databaseBytes: manifest.counts.databaseBytes, storedBytes: manifest.counts.storedBytes },
    },
    differences: restored.differences,
    files: null,
    checks: checks.map(({ finding: _, ...check }) => check),
    ...{ performance: [], defect: null },
    stages: phases.map(({ name, seconds }) => ({ name, seconds })),
    restoreSeconds: phases.find(({ name }) => name === "restore the set")?.seconds ?? machineSeconds,
    totalSeconds: machineSeconds,
    drill: {
      ...{ scenario, rtoMinutes, machineSeconds, human, lost, dollars, phases: [...phases] },
      withFiles: restored.files !== null,
      configuration: configuration?.why === null ? configuration.counts : null,
      migrations: migrated?.why === null ? migrated.applied.length : null,
      failures: report.failures.slice(0, 100).map((one) => one.slice(0, 1000)),
      byHand: report.byHand.slice(0, 100).map((one) => one.slice(0, 1000)),
      sabotage: { kind: sabotage.kind, seed: sabotage.seed, refused: sabotage.refusedBy !== null },
    },
  };
  const bytes = encodeProof(proof);
  const until = await lockUntil(vault, manifest, config.policy);
  return writeProof(vault, proof, bytes, await signDetached(bytes, prover), until);
}
