import { objectKey } from "../../../postgres/inventory/object-key.ts";
import type { StepFailures } from "./run-steps.ts";

/** Failures by object key, for those steps that make an object; the comparison finds what came of the others. */
export function failuresByKey(...all: readonly StepFailures[]): Map<string, string> {
  const byKey = new Map<string, string>();
  for (const failures of all) {
    for (const [step, reason] of failures) if (step.object !== undefined) byKey.set(objectKey(step.object), reason);
  }
  return byKey;
}
