import { LifeboatError } from "../../base/errors.ts";

/** One thing that is not as it should be. `damage` makes the set unfit; a `warning` does not. */
export interface Finding {
  readonly severity: "damage" | "warning";
  /** Artifact or object, below the set's prefix; or `set`. */
  readonly where: string;
  /** Stable kebab-case name of the problem. */
  readonly code: string;
  /** A sentence without its full stop; names objects of the database, never values. */
  readonly what: string;
}

export function damageAt(where: string, code: string, what: string): Finding {
  return { severity: "damage", where, code, what };
}

export function warningAt(where: string, code: string, what: string): Finding {
  return { severity: "warning", where, code, what };
}

/**
 * What an error says about the set. A store that could not be reached says nothing about it: such an error goes on.
 * @throws the error itself when it is no finding
 */
export function findingOf(error: unknown, where: string): Finding {
  if (!(error instanceof LifeboatError)) throw error;
  const aboutTheStore = error.code.startsWith("s3-") && !["s3-missing", "s3-too-large"].includes(error.code);
  if (aboutTheStore) throw error;
  return damageAt(where, error.code, error.message.replace(/\.$/, ""));
}
