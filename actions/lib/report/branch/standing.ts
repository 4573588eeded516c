import type { VaultTruth } from "../../policy/promises.ts";
import type { Tier } from "../../vault/format/manifest.ts";
import type { MeasuredRestore, StandingSet, VaultStanding } from "../../vault/standing.ts";
import type { RunRow } from "../run/run-row.ts";

/** What is known of the vault when a page about it is made: what it has itself, or what reports say that it had. */
export interface Standing
  extends Omit<
    VaultStanding,
    "bucket" | "filesBucket" | "complete" | "keys" | "replica" | "holds" | "incident" | "announced" | "played"
  > {
  /** Where this was read. */
  readonly source: "vault" | "reports";
  /** The vault's, and whether these are all of its sets, not only the newest. */
  readonly bucket?: string;
  readonly filesBucket?: string | undefined;
  readonly complete?: boolean;
  /** Of the vault alone: reports do not know it. */
  readonly keys?: VaultStanding["keys"];
  readonly replica?: VaultStanding["replica"];
  readonly holds?: VaultStanding["holds"];
  readonly incident?: VaultStanding["incident"];
  readonly announced?: VaultStanding["announced"];
  readonly played?: VaultStanding["played"];
}

/** The same from the reports alone, for when the vault cannot be reached; and what the vault does not know. */
export function standingOfRows(rows: readonly RunRow[]): Standing {
  const sets = new Map<string, StandingSet>();
  const restores: MeasuredRestore[] = [];
  let files: Standing["files"];
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
  const known = [...sets.values()].sort((a, b) => (a.snapshotAt < b.snapshotAt ? 1 : -1));
  const newest = restores.toReversed();
  return { sets: known, proven: provenOf(known, newest), restores: newest, files, source: "reports" };
}

function provenOf(sets: readonly StandingSet[], restores: readonly MeasuredRestore[]): Standing["proven"] {
  for (const { set, snapshotAt, provenAt } of sets) {
    const measured = provenAt === null ? undefined : restores.find((one) => one.set === set);
    if (provenAt !== null && measured !== undefined)
      return { set, snapshotAt, provenAt, restoreSeconds: measured.seconds };
  }
  return null;
}

export function isTier(tier: string | undefined): tier is Tier {
  return tier === "daily" || tier === "weekly" || tier === "monthly";
}

/** What the promises have to be compared with: what the vault has, or what the reports say that it had. */
export function truthOf({
  sets,
  proven,
  files,
  keys,
  replica,
  holds,
  incident,
  announced,
  played,
}: Pick<
  Standing,
  "sets" | "proven" | "files" | "keys" | "replica" | "holds" | "incident" | "announced" | "played"
>): VaultTruth {
  return {
    ...{ keys, replica, holds, announced, played, incident: incident ?? undefined },
    newestSetAt: sets[0]?.snapshotAt,
    newestSetBytes: sets[0]?.plainBytes,
    // Whoever has not asked cannot tell whether there is one.
    newestFilesAt: files === undefined ? null : files?.at,
    proven: proven ?? undefined,
  };
}
