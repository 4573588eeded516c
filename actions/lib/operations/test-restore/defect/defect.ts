import type { Difference } from "../../../compare/difference.ts";

export const defectKinds = [
  "changed value",
  "lost row",
  "dropped policy",
  "re-granted function",
  "lowered sequence",
  "missing index",
] as const;
/** `extra view`: where a database has nothing of the others. */
export type DefectKind = (typeof defectKinds)[number] | "extra view";

/** A defect that can be planted, and what the proof has to say of it. */
export interface Defect {
  readonly kind: DefectKind;
  readonly expected: Pick<Difference, "kind" | "identity" | "aspect">;
  /** Statements, in order; each run of them is one transaction. */
  readonly plant: readonly string[];
  readonly undo: readonly string[];
  /**
   * A condition in SQL that holds once it is planted, asked in the same transaction: without the comparison's help, so that
   * what the comparison then misses is its own fault, never a statement that came to nothing.
   */
  readonly stands: string;
}

/** Makes the defect's statements for the database as it is; undefined where they would not work. */
export type Candidate = () => Promise<Defect | undefined>;
