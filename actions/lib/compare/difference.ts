import type { Platform } from "../supabase/platform/platform.ts";
import type { OtherWords } from "./other-words/other-words.ts";

/**
 * `failed`: it should be equal and is not. `expected`: named in advance as something that this kind of target cannot
 * take over or keeps in its own version. `unverified`: nobody could tell.
 */
export type Verdict = "failed" | "expected" | "unverified";

/** One thing in which a restored database is not what the set says. Carries names and definitions, never rows. */
export interface Difference {
  readonly kind: string;
  readonly identity: string;
  readonly aspect:
    | "missing"
    | "extra"
    | "definition"
    | "owner"
    | "grants"
    | "comment"
    | "rows"
    | "value"
    | "settings"
    | "membership"
    | "reference";
  readonly detail: string;
  readonly verdict: Verdict;
  /** For an expected difference the reason; for the others what is known of the cause. */
  readonly why: string;
}

/** Whole only when nothing failed and nothing stayed unverified. */
export function outcomeOf(differences: readonly Difference[]): "equal" | "differs" | "unverified" {
  if (differences.some((difference) => difference.verdict === "failed")) return "differs";
  return differences.some((difference) => difference.verdict === "unverified") ? "unverified" : "equal";
}

/** What is known beside the two inventories. */
export interface CompareContext {
  /** What belongs to the target's platform and what a new project has, beside this very source; undefined on plain PostgreSQL. */
  readonly platform: Platform | undefined;
  /** Why things that were tried did not work, by object key: an SQLSTATE with its meaning. */
  readonly failures: ReadonlyMap<string, string>;
  /** What differs in words only. */
  readonly words: OtherWords;
  /** Differences that a restore makes on purpose, by object key, e.g. a webhook that was switched off. */
  readonly deliberate: ReadonlyMap<string, string>;
  /** Extensions that the target does not have. */
  readonly unavailableExtensions: ReadonlySet<string>;
  /** Roles that every database of the server has: its first superuser, and the one that restores. */
  readonly makers: ReadonlySet<string>;
  /** Schemas that came with an extension, and the extension. */
  readonly extensionSchemas: ReadonlyMap<string, string>;
}
