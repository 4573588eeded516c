import { ConfigurationError, LifeboatError } from "../base/errors.ts";
import type { Operation } from "../operations/operation.ts";

/** How an ending is told to people and to machines. */
interface ErrorReport {
  readonly exitCode: 1 | 2;
  readonly code: string;
  /** What happened, to what. */
  readonly message: string;
  /** What to do now. */
  readonly next: string;
}

/**
 * Whatever was thrown, as something that may be printed. Only our own errors are quoted: the message of any other may
 * carry a row, a path or a connection string, so just its kind is told.
 */
export function reportError(error: unknown): ErrorReport {
  if (error instanceof LifeboatError) {
    const fallback =
      error instanceof ConfigurationError
        ? "Nothing was written. Correct it and run again."
        : "Run again; if it fails the same way, 'lifeboat check' tells what is not as it should be.";
    return { exitCode: error.exitCode, code: error.code, message: error.message, next: error.next ?? fallback };
  }
  if (isFull(error)) {
    return {
      ...{ exitCode: 1, code: "disk-full", message: "The disk is full: a file could not be written." },
      next: "Make room on this machine (`df -h`), also where TMPDIR points, and run again.",
    };
  }
  return {
    exitCode: 1,
    code: "unexpected",
    message: `Lifeboat itself failed: ${kindOf(error)}.`,
    next: "Run again with --verbose (or LIFEBOAT_DEBUG=1) to see where, on a machine whose output nobody else reads, and report it.",
  };
}

/** Constructor and system code, e.g. `TypeError` or `Error (ECONNRESET)`; both are words of software, not of data. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return "something that is not an error was thrown";
  const code =
    "code" in error && typeof error.code === "string" && /^[A-Z0-9_]{3,40}$/.test(error.code) ? ` (${error.code})` : "";
  return `${error.name}${code}`;
}

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

/** What an interrupted run leaves, and what to do next. */
interface Interruption {
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
