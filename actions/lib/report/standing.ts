import type { VaultTruth } from "../policy/promises.ts";
import type { Tier } from "../vault/manifest.ts";
import type { RunRow } from "./run-row.ts";

/** What is known of the vault when a page about it is made; null where the vault could not be asked. */
export interface Standing {
  /** Newest data first. */
  readonly sets: readonly StandingSet[];
  /** Restores that were measured, newest first. */
  readonly restores: readonly MeasuredRestore[];
  /** The newest snapshot of the files; null when none is known. */
  readonly files: { readonly at: string; readonly bytes: number } | null;
  /** Where this was read. */
  readonly source: "vault" | "reports";
  /** The vault's, and whether these are all of its sets, not only the newest. */
  readonly bucket?: string;
  readonly complete?: boolean;
}

export interface StandingSet {
  readonly set: string;
  readonly tier: Tier;
  readonly snapshotAt: string;
  readonly plainBytes: number;
  readonly rows: number;
  /** When the newest test that it passed ended; null when none is known. */
  readonly provenAt: string | null;
}

export interface MeasuredRestore {
  readonly at: string;
  readonly set: string;
  readonly seconds: number;
  /** Of the set that was restored; null when not known any more. */
  readonly plainBytes: number | null;
}

/** The same from the reports alone, for when the vault cannot be reached; and what the vault does not know. */
export function standingOfRows(rows: readonly RunRow[]): Standing {
  const sets = new Map<string, StandingSet>();
  const restores: MeasuredRestore[] = [];
  let files: Standing["files"] = null;
  for (const { at, operations } of rows) {
    for (const told of operations) {
      const { operation, conclusion, set, tier, snapshotAt, plainBytes, rows: count, restoreSeconds } = told;
      if (operation === "backup" && set !== undefined && snapshotAt !== undefined && isTier(tier)) {
        const known = { set, tier, snapshotAt, plainBytes: plainBytes ?? 0, rows: count ?? 0, provenAt: null };
        sets.set(set, { ...known, provenAt: sets.get(set)?.provenAt ?? null });
      }
      if (set !== undefined && restoreSeconds !== undefined && conclusion === "success") {
        restores.push({
          at,
          set,
          seconds: restoreSeconds,
          plainBytes: sets.get(set)?.plainBytes ?? plainBytes ?? null,
        });
        const proven = sets.get(set);
        if (operation === "test" && proven !== undefined) sets.set(set, { ...proven, provenAt: at });
      }
      if ((operation === "sync" || operation === "backup") && conclusion === "success" && told.fileBytes !== undefined)
        files = { at: snapshotAt ?? at, bytes: told.fileBytes };
    }
  }
  return {
    sets: [...sets.values()].sort((a, b) => (a.snapshotAt < b.snapshotAt ? 1 : -1)),
    restores: restores.reverse(),
    files,
    source: "reports",
  };
}

function isTier(tier: string | undefined): tier is Tier {
  return tier === "daily" || tier === "weekly" || tier === "monthly";
}

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
