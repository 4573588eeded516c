import type { Client } from "pg";
import type { Stages } from "../../base/flow/stages.ts";
import type { Difference } from "../../compare/difference.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import type { TargetFacts } from "../target/target.ts";

/** A target that has just been proven, for those who look further. */
export interface ProvenTarget {
  readonly source: Inventory;
  readonly facts: TargetFacts;
  /** What the comparison named as expected. */
  readonly differences: readonly Difference[];
  readonly stages: Stages;
  readonly connect: () => Promise<Client>;
  /** Tables whose rows the comparison reads in the target, `schema.table`; the others' rows were proven as they came. */
  readonly measured: ReadonlySet<string>;
  /** Compares again, exactly as the restore did. */
  prove(): Promise<readonly Difference[]>;
}
