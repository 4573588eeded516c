import { ConfigurationError, LifeboatError, OperationError } from "../../../base/errors.ts";
import { few } from "../../../base/measures.ts";
import type { Config } from "../../../config/load.ts";
import { verdictSentence } from "../../restore/page.ts";
import type { RestoreResult } from "../../restore/result.ts";
import { runRestore } from "../../restore/run-restore.ts";
import { type RestoredWithFiles, runRestoreWithFiles } from "../../restore/run-restore-with-files.ts";
import { fileRestorationPage } from "../../restore-files/page.ts";
import { aroundClosedSecrets } from "./closed-secrets.ts";
import type { Candidate, Restored } from "./facts.ts";
import type { LossWork, Place } from "./work.ts";

/** Of a set that cannot be used, found out before anything is written to the target: the next one is tried. */
export const unusable: ReadonlySet<string> = new Set([
  "set-damaged",
  "manifest-untrusted",
  "set-hidden",
  "set-missing",
  "set-unknown",
  "keys-damaged",
  "keys-unsigned",
  "artifact-damaged",
  "session-key-foreign",
  "signature-invalid",
  "signature-foreign",
  "inventory-unreadable",
  "wrong-private-key",
  "s3-missing",
]);

/**
 * Restores the first of the sets that can be used, with its files, and compares all of it. A set that is passed over is named, with why.
 * Run again, it takes an interrupted restore up.
 * @throws OperationError `no-usable-set`; what a restore throws
 */
export async function bringBack(work: LossWork, place: Place, signal: AbortSignal): Promise<Restored> {
  const { plan } = work.facts();
  const passedOver: { set: string; why: string }[] = [];
  for (const candidate of plan.candidates) {
    try {
      const restore = () => restoreOne(work, candidate, place, signal);
      const { restored, byHand } = await aroundClosedSecrets(work, candidate, place, signal, restore);
      const of = told(restored, candidate, passedOver);
      return { ...of, byHand: [...of.byHand, ...byHand] };
    } catch (error) {
      if (!(error instanceof LifeboatError) || !unusable.has(error.code)) throw error;
      work.log.warn(`Set ${candidate.set} cannot be used: ${error.message} The next one is tried.`);
      passedOver.push({ set: candidate.set, why: error.message.slice(0, 500) });
    }
  }
  throw new OperationError(
    "no-usable-set",
    `None of the ${plan.candidates.length} sets that were tried can be used: ${few(passedOver.map(({ set }) => set))}.`,
    "Look at `lifeboat list --all`, and name one: --set ID; or read the replica: `lifeboat recover regional-disaster`.",
  );
}

async function restoreOne(
  { sources, log, facts, staysStaging }: LossWork,
  { tier, set, archived }: Candidate,
  { target, storage }: Place,
  signal: AbortSignal,
): Promise<RestoreResult | RestoredWithFiles> {
  const { request, plan } = facts();
  const common = {
    ...{ ref: { tier, set }, vault: sources.vault, thaw: archived, log, signal },
    production: request.production ?? undefined,
    staysStaging,
  };
  if (!plan.withFiles || sources.files === undefined || storage === undefined)
    return runRestore({ ...common, config: { ...sources.config, target } });
  const config = { ...sources.config, target, targetStorage: storage };
  // `files` is open because the section is there.
  const whole = config as Config<"vault" | "storageVault" | "opening" | "target" | "targetStorage">;
  return runRestoreWithFiles({ ...common, config: whole, snapshots: sources.files });
}

function told(
  result: RestoreResult | RestoredWithFiles,
  { set, tier }: Candidate,
  passedOver: Restored["passedOver"],
): Restored {
  const { database, files } = "database" in result ? result : { database: result, files: null };
  const { outcome, differences, counts } = database;
  if (outcome === "dry-run") throw new ConfigurationError("usage", "A rehearsal restores nothing.");
  const of = (verdict: string) => differences.filter((one) => one.verdict === verdict);
  const wrong = [...of("failed"), ...of("unverified")].slice(0, 50);
  return {
    ...{ set, tier, snapshotAt: database.snapshotAt, outcome },
    sentence: verdictSentence(database).slice(0, 2000),
    counts: { ...counts },
    target: { kind: database.target.kind, serverVersion: database.target.serverVersion },
    differences: {
      ...{ failed: of("failed").length, expected: of("expected").length },
      unverified: of("unverified").length,
    },
    wrong: wrong.map(({ kind, identity, aspect, detail }) => `${kind} ${identity}: ${aspect}, ${detail}`.slice(0, 500)),
    files: files && {
      ...{ outcome: files.outcome, sentence: fileRestorationPage(files).sentence.slice(0, 2000) },
      ...{ count: files.counts.chosen, bytes: files.counts.bytes },
    },
    switchedOff: database.switchedOff.map(({ what, on }) => ({ what: what.slice(0, 2000), on })),
    byHand: database.byHand.map((what) => what.slice(0, 2000)),
    passedOver,
  };
}
