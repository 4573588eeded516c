import type { Inventory } from "../../../postgres/inventory/model.ts";
import { namesakesAside } from "../../../postgres/inventory/namesakes.ts";
import { statementOf } from "./run-steps.ts";
import type { Step } from "./step.ts";

/** SQLSTATE of a call that more than one function would answer. */
export const ambiguous = "42725";

/**
 * A step with a call that a namesake made ambiguous. An archive says which function the step depends on, plain SQL does not.
 * The others bear another name for the length of the transaction. Undefined when it calls none that has a namesake. Pure.
 */
export function withoutNamesakes(step: Step, source: Pick<Inventory, "objects">): string | undefined {
  const aside = namesakesAside(step.entry.defn, source, step.calls);
  if (aside.length === 0) return undefined;
  return [...aside.map(({ away }) => away), statementOf(step), ...aside.map(({ back }) => back)].join("");
}
