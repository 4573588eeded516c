/**
 * What the monitor's checks say, before anybody is told. Plain values: the rules of alerts, the messages and the dashboard all read
 * these, and none of them asks the world.
 */

/**
 * The worst first. `unknown`: it could not be found out, because something that it needs is missing or does not answer. Never counted as ok.
 */
export const checkStates = ["critical", "unknown", "warning", "ok"] as const;
export type CheckState = (typeof checkStates)[number];

interface Judged {
  readonly state: CheckState;
}

/** The worst state; `ok` where there is none. */
export function worstOf(judged: readonly Judged[]): CheckState {
  return checkStates.find((state) => judged.some((one) => one.state === state)) ?? "ok";
}

/** In the order in which people read them. */
export function worstFirst<One extends Judged>(judged: readonly One[]): One[] {
  return judged.toSorted((a, b) => checkStates.indexOf(a.state) - checkStates.indexOf(b.state));
}

export const checkGroups = ["supabase", "backups", "limits", "github"] as const;
export type CheckGroup = (typeof checkGroups)[number];

/** What does not change from run to run. */
export interface CheckName {
  /** Kebab-case, stable: silences, links and the history name it, e.g. `supabase-backups`. */
  readonly id: string;
  readonly group: CheckGroup;
  /** For people, e.g. `Supabase's daily backups`. */
  readonly title: string;
  /** Page below the repository's root. */
  readonly runbook: string;
}

/** What one look found. Every text may be shown to anybody: it names no table, file or person, and holds no address with a secret. */
export interface Finding {
  readonly state: CheckState;
  /** What was found, as one sentence with the figures that decide. */
  readonly found: string;
  /** What that means for a recovery. Needed when the state is not ok. */
  readonly means?: string;
  /** What to do now. Needed when the state is not ok. */
  readonly next?: string;
  /**
   * ISO 8601: until when this stays true without news, e.g. when the newest set becomes too old. After it whoever reads the page sees it as
   * critical, although nobody has looked again.
   */
  readonly dueAt?: string;
  /** The figure that the history keeps, a value a day. */
  readonly measure?: Measure;
}

/** A figure that grows towards a limit, or is only looked at over time. */
export interface Measure {
  readonly value: number;
  /** Null: there is none, or it is not known. */
  readonly limit: number | null;
  readonly unit: "bytes" | "seconds" | "minutes" | "rows";
}

/** What a check found in this run. */
export interface CheckResult extends CheckName, Finding {}
