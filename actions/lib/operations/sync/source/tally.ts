import { OperationError } from "../../../base/errors.ts";
import { countOf, formatBytes } from "../../../base/measures.ts";
import type { FindingKind } from "../../../config/policy/storage.ts";
import { pathOf } from "../../../vault/format/file-entry.ts";
import type { Finding } from "../../../vault/format/snapshot-manifest.ts";

/** What a run has found and read so far. */
export interface Tally {
  readonly findings: readonly (Finding & { readonly kind: FindingKind })[];
  find(kind: FindingKind, file: { readonly bucket: string; readonly name: string }, detail: string): void;
  /** Says more of a file that was found lost. @param path as `pathOf` writes it */
  amend(path: string, detail: string): void;
  /** Counts one that the findings do not name. */
  add(kind: FindingKind): void;
  /** How many of each kind, without the kinds that there are none of. */
  count(): Partial<Record<FindingKind, number>>;
  /** Bytes read from the source. */
  readonly egressBytes: number;
  /** @throws OperationError `egress-budget` when so many more would be beyond what the policy allows */
  beforeReading(bytes: number): void;
  read(bytes: number): void;
}

/** @param allowed bytes that this run may read; null: no bound */
export function openTally(allowed: number | null): Tally {
  const findings: (Finding & { kind: FindingKind })[] = [];
  const counts: Partial<Record<FindingKind, number>> = {};
  const add = (kind: FindingKind): void => {
    counts[kind] = (counts[kind] ?? 0) + 1;
  };
  let egressBytes = 0;
  let announced = 0;
  return {
    findings,
    find(kind, { bucket, name }, detail) {
      findings.push({ kind, bucket, name, detail });
      add(kind);
    },
    amend(path, more) {
      const at = findings.findIndex((one) => one.kind === "lost" && pathOf(one) === path);
      const found = findings[at];
      if (found !== undefined) findings[at] = { ...found, detail: `${found.detail}; ${more}` };
    },
    add,
    count: () => ({ ...counts }),
    get egressBytes() {
      return egressBytes;
    },
    beforeReading(bytes) {
      announced += bytes;
      if (allowed === null || Math.max(announced, egressBytes + bytes) <= allowed) return;
      throw new OperationError(
        "egress-budget",
        `The policy allows ${formatBytes(allowed)} to be read from Storage now, and there is more to copy.`,
        "What was copied is kept for the next run. Raise storage.egress in the policy, or run again when the month is over.",
      );
    },
    read(bytes) {
      egressBytes += bytes;
    },
  };
}

/** E.g. `2 lost, 1 replaced`. */
export function describeCounts(counts: Partial<Record<FindingKind, number>>): string {
  return Object.entries(counts)
    .map(([kind, count]) => countOf(count, kind, kind))
    .join(", ");
}
