import { loadConfig } from "../../actions/lib/config/load.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { type DrillReport, isReport } from "../../actions/lib/operations/drill/result.ts";
import { type DrillRequest, runDrill } from "../../actions/lib/operations/drill/run-drill.ts";
import { provenBy } from "../../actions/lib/vault/configured.ts";
import { readProofs } from "../../actions/lib/vault/sets/proof-store.ts";
import type { recordingLog } from "./backup-lab.ts";

/** A run of the lab, by nobody's schedule. */
const run = {
  ...{ workflow: "lab", runId: "1", attempt: 1, job: "drill", event: "by-hand", url: null, commit: null },
} as const;

export interface DrillRuns {
  drill(more?: Partial<DrillRequest>): ReturnType<typeof runDrill>;
  /** One that is to be played to its end. */
  report(more?: Partial<DrillRequest>): Promise<DrillReport>;
  /** Proofs of drills, oldest first. */
  proofs(): Promise<Awaited<ReturnType<typeof readProofs>>["proofs"]>;
}

/** Drills as the command line would run them, with whatever the environment is at that moment. */
export function drillsWith(
  env: Record<string, string>,
  log: ReturnType<typeof recordingLog>,
  signal?: AbortSignal,
): DrillRuns {
  const drill = async (more: Partial<DrillRequest> = {}) => {
    const files = "S3_STORAGE_BUCKET" in env ? (["storageVault"] as const) : [];
    const config = await loadConfig({ needs: ["vault", "opening", ...files], env: { ...env } });
    using context = new Context({ config, log, signal: signal ?? new AbortController().signal, run });
    return await runDrill(context, { oncePerQuarter: false, dryRun: false, ...more });
  };
  return {
    drill,
    async report(more) {
      const result = await drill(more);
      if (!isReport(result)) throw new Error(`no report but ${result.outcome}`);
      return result;
    },
    async proofs() {
      const config = await loadConfig({ needs: ["vault"], env: { ...env } });
      const { openVault } = await import("../../actions/lib/vault/s3/client.ts");
      using vault = openVault(config.vault);
      const { proofs } = await readProofs(vault, await provenBy(config));
      return proofs.filter(({ proof }) => proof.drill !== undefined);
    },
  };
}
