import type { VaultTruth } from "../policy/promises.ts";
import type { Standing } from "./standing.ts";

/** What the promises have to be compared with, as the reports' pages know it. */
export function truthOf({ sets, restores, files }: Standing): VaultTruth {
  const proven = sets.find(({ provenAt }) => provenAt !== null);
  const measured = restores.find(({ set }) => set === proven?.set) ?? restores[0];
  return {
    newestSetAt: sets[0]?.snapshotAt,
    newestSetBytes: sets[0]?.plainBytes,
    // A page that knows of no copy of the files cannot tell whether there is one.
    newestFilesAt: files?.at ?? null,
    proven:
      proven === undefined || proven.provenAt === null || measured === undefined
        ? undefined
        : { snapshotAt: proven.snapshotAt, provenAt: proven.provenAt, restoreSeconds: measured.seconds },
  };
}
