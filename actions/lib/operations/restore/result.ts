import type { Difference } from "../../compare/difference.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import type { OpenSet } from "../../vault/sets/open-set.ts";
import type { TargetFacts } from "../target/target.ts";
import { whatRunsAs } from "./quiet/runs-as-restorer.ts";

/** What a restore tells when it has ended. Names and counts only. */
export interface RestoreResult {
  /** `equal`: everything in the set's inventory is in the target, but for what is named as expected. */
  readonly outcome: "equal" | "differs" | "unverified" | "dry-run";
  readonly set: string;
  readonly tier: string;
  readonly snapshotAt: string;
  readonly target: {
    readonly name: string;
    readonly database: string;
    readonly kind: "supabase" | "plain";
    readonly serverVersion: string;
  };
  /** Whether an interrupted restore of the same set was taken up. */
  readonly begun: "fresh" | "resumed";
  readonly counts: {
    readonly objects: number;
    readonly tables: number;
    readonly rows: string;
    readonly foreignKeysChecked: number;
  };
  /** Seconds by stage, in order. */
  readonly stages: readonly { readonly name: string; readonly seconds: number }[];
  readonly differences: readonly Difference[];
  /** What was switched off so that the copy stays quiet, with the statement that switches it on. */
  readonly switchedOff: readonly { readonly what: string; readonly on: string }[];
  /** What a person has to do by hand afterwards. */
  readonly byHand: readonly string[];
}

type Restored = { readonly open: Pick<OpenSet, "set" | "tier" | "manifest">; readonly targetName: string };

export function resultHeading({ open, targetName }: Restored, source: Inventory, facts: TargetFacts) {
  return {
    set: open.set,
    tier: open.tier,
    snapshotAt: open.manifest.snapshotAt,
    target: {
      name: targetName,
      database: facts.inventory.database,
      kind: facts.supabase ? ("supabase" as const) : ("plain" as const),
      serverVersion: facts.inventory.serverVersion,
    },
    counts: {
      objects: source.objects.length,
      tables: source.tables.length,
      rows: rowCount(source),
      foreignKeysChecked: 0,
    },
  };
}

export function rowCount(source: Inventory): string {
  return source.tables.reduce((sum, table) => sum + BigInt(table.fingerprint?.rows ?? "0"), 0n).toString();
}

export function dryRunResult(
  task: Restored,
  source: Inventory,
  facts: TargetFacts,
  stages: RestoreResult["stages"],
): RestoreResult {
  return {
    ...resultHeading(task, source, facts),
    outcome: "dry-run",
    begun: "fresh",
    stages,
    differences: [],
    switchedOff: [],
    byHand: [whatRunsAs(source, facts)].filter((one) => one !== undefined),
  };
}
