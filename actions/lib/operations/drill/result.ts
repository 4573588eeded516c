import type { DrillProof, DrillScenario, Proof } from "../../vault/format/proof.ts";
import type { Carried, LossFacts, Migrated, Restored } from "../recover/complete-loss/facts.ts";
import type { SabotageResult } from "./sabotage.ts";

/** How one phase went. */
export interface DrillPhase {
  readonly name: string;
  readonly seconds: number;
  readonly late: boolean;
}

/** What a drill found out. Names, counts, times and verdicts only. */
export interface DrillReport {
  readonly outcome: "proven" | "failed";
  /** Why it failed, a sentence each; empty when it did not. */
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
  /** Stable name of the gravest failure; null: none. */
  readonly code: string | null;
  readonly drill: string;
  readonly scenario: DrillScenario;
  readonly seed: string;
  readonly place: { readonly name: string; readonly ref: string | null };
  readonly phases: readonly DrillPhase[];
  readonly machineSeconds: number;
  readonly human: DrillProof["human"];
  readonly rtoMinutes: number;
  readonly rpoMinutes: number;
  readonly lost: DrillProof["lost"];
  /** Null: nothing came back. */
  readonly restored: Restored | null;
  readonly configuration: Carried | null;
  readonly migrated: Migrated | null;
  /** Null: nothing of the new project was tried, as in staging. */
  readonly tried: LossFacts["tried"];
  readonly checks: NonNullable<LossFacts["checks"]>;
  /** Null: it was not tried. */
  readonly sabotage: SabotageResult | null;
  /** Null: the drill was played in staging. */
  readonly dollars: number | null;
  /** What people do in a recovery and a drill cannot: the policy's hand-over and what the restore names. */
  readonly byHand: readonly string[];
  /** The last drill of the same scenario; null: there was none. */
  readonly before: Pick<DrillProof, "phases" | "machineSeconds"> | null;
  /** Key of the signed proof; null: so little came back that there is nothing to prove. */
  readonly proof: string | null;
}

/** What a run that played nothing has to say. */
export type DrillNotice =
  | {
      readonly outcome: "nothing-to-do";
      readonly scenario: DrillScenario;
      readonly proof: string;
      readonly finishedAt: string;
    }
  | {
      readonly outcome: "dry-run";
      readonly scenario: DrillScenario;
      readonly set: string;
      readonly place: string;
      readonly phases: readonly { readonly name: string; readonly deadlineSeconds: number }[];
      readonly dollars: number | null;
    };

export type DrillResult = DrillReport | DrillNotice;

export function isReport(result: DrillResult): result is DrillReport {
  return "failures" in result;
}

/** Proofs of drills alone, oldest first as they come. */
export function drillsOf(proofs: readonly Proof[]): (Proof & { readonly drill: DrillProof })[] {
  return proofs.flatMap((proof) => (proof.drill === undefined ? [] : [{ ...proof, drill: proof.drill }]));
}
