import type { Operation } from "../operations/operation.ts";

/** What an interrupted run leaves, and what to do next. */
export interface Interruption {
  readonly code: "cancelled";
  readonly message: string;
  readonly next: string;
}

/** The truth about a run that was broken off, by what the verb declares. @param operation undefined: a rehearsal, which only reads */
export function interruptionOf(operation: Pick<Operation, "interrupted"> | undefined): Interruption {
  const { left, next } = operation?.interrupted ?? {
    left: "It only reads: nothing has changed.",
    next: "Run it again.",
  };
  return { code: "cancelled", message: `The run was interrupted before its work was done. ${left}`, next };
}
