/** What a run may come to when something breaks under it. Each row of the table names the one it must come to. */
export type Outcome =
  /** The run says success, and the set is whole, or the target equal. */
  | "success"
  /** Refused by name (exit code 2) before anything was written. */
  | "refused before writing"
  /** Failed by name; no set became visible. */
  | "failed, no manifest"
  /** The set is visible and whole, and the run says what is still missing of it. */
  | "published, then failed by name"
  /** Refused or failed by name, and nothing in the target has changed. */
  | "refused, target untouched"
  /** Failed by name; the next restore takes it up, and proves the target. */
  | "fails, then resumes and proves"
  /** The restore ends, and names what could not be restored: no success. */
  | "differs by name"
  /** A reader says that the set is damaged, and where. */
  | "damage named"
  /** A reader failed by name, and changed nothing. */
  | "failed by name"
  /** Ended by the signal in seconds, with its exit code; says what it leaves, and its report says that it was cancelled. */
  | "ends as interrupted"
  /** The process died; no set became visible that is not whole. */
  | "died, nothing half-made";

/** What an attacker holds, and nothing else. */
export type Holder =
  | "writes the bucket"
  | "answers as the store"
  | "holds the signing key"
  | "writes rows"
  | "makes functions"
  | "opens pull requests"
  | "pushes to reports"
  | "writes the folder of reports"
  | "knows staging";

/** One fault: what breaks, while what is going on, and what must come of it. */
export interface FaultRow<Scene, Injection> {
  readonly kind: string;
  readonly stage: string;
  /** Where somebody does it on purpose: what they hold. */
  readonly holder?: Holder;
  readonly outcome: Outcome;
  /** The error's code, where it is part of the promise. */
  readonly code?: string | RegExp;
  inject(scene: Scene): Injection | Promise<Injection>;
}

/** The result of one. */
export interface Seen {
  readonly outcome: Outcome | "no fault was injected" | "hangs" | "ends without a name" | "false success";
  readonly code: string | undefined;
  /** Everything that must not be: a set that is not whole, leftovers after a clean run, a secret in what was said. */
  readonly broken: readonly string[];
  /** Success was said although something is broken. */
  readonly falseSuccess: boolean;
}

/** What the reporter counts. */
export interface FaultRecord {
  readonly kind: string;
  readonly stage: string;
  readonly holder?: Holder | undefined;
  readonly expected: string;
  readonly seen: string;
  readonly code: string | undefined;
  readonly right: boolean;
  readonly falseSuccess: boolean;
}

declare module "vitest" {
  interface TaskMeta {
    faults?: FaultRecord[];
  }
}

export function recordOf(row: FaultRow<never, unknown>, seen: Seen): FaultRecord {
  const code = row.code === undefined || (seen.code !== undefined && new RegExp(row.code).test(seen.code));
  return {
    ...{
      kind: row.kind,
      stage: row.stage,
      holder: row.holder,
      expected: row.outcome,
      seen: seen.outcome,
      code: seen.code,
    },
    right: seen.outcome === row.outcome && seen.broken.length === 0 && code,
    falseSuccess: seen.falseSuccess,
  };
}

/** A test's name: the promise of the row. */
export function nameOf({ stage, kind, outcome }: FaultRow<never, unknown>): string {
  return `${stage}: ${kind} → ${outcome}`;
}
