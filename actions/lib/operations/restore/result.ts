import type { Difference } from "../../compare/difference.ts";

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
