import { quoteIdentifier, quoteLiteral } from "../../../postgres/identifier.ts";
import { isReservedRole } from "../../../postgres/platform-owned.ts";
import type { TargetFacts } from "../../target/target.ts";
import type { AfterStep } from "../plan/run-steps.ts";
import { ownerStatement } from "./statements.ts";

/**
 * Gives each object its owner in the transaction that makes it: PostgreSQL builds indexes and fills materialised views as
 * their owner, and runs a SECURITY DEFINER function as its owner, so that none of theirs ever runs as the one who
 * restores. What does not work now is tried again with all other rights (`settleOwners`).
 */
export function withOwners({ role, supabase }: TargetFacts, afterStep: AfterStep): AfterStep {
  return (step) => {
    const { entry, object } = step;
    const rest = afterStep(step);
    const owner = entry.desc === "COMMENT" ? null : (object?.owner ?? null);
    if (object === undefined || owner === null || owner === role || (supabase && isReservedRole(owner))) return rest;
    const statement = ownerStatement(object, owner);
    if (statement === undefined) return rest;
    const lend =
      object.schema === null
        ? "null;"
        : `begin grant create on schema ${quoteIdentifier(object.schema)} to ${quoteIdentifier(owner)}; ${statement};
             exception when others then null; end;`;
    const block = `begin ${statement}; exception when insufficient_privilege then ${lend} when others then null; end`;
    return `do ${quoteLiteral(block)};\n${rest ?? ""}`;
  };
}
