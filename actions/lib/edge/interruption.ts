import type { Operation } from "../report/run/run-report.ts";

/** What an interrupted run leaves, and what to do next. */
export interface Interruption {
  readonly code: "cancelled";
  readonly message: string;
  readonly next: string;
}

const read = ["It only reads: nothing has changed.", "Run it again."] as const;
const half = "The target holds a part of what it should: use it for nothing yet.";

/** Operations, and commands that are none. What is not named here only reads. */
const told: Partial<Readonly<Record<Operation | "keys" | "thaw", readonly [left: string, next: string]>>> = {
  backup: [
    "What is not published yet is no set, and is visible nowhere.",
    "Run it again: it clears away what is left.",
  ],
  sync: [
    "What is not published yet is no snapshot; the files that were copied are kept.",
    "Run it again: it goes on with them.",
  ],
  restore: [half, "Run the same command again: it goes on where it stopped."],
  test: ["Staging may hold a part of a set.", "Run it again: it empties staging first."],
  retention: ["Snapshots that the policy keeps are whole.", "Run it again: it finishes what is left."],
  keys: ["Every set can be opened as before or as it is meant to be.", "Run it again: it finishes what is left."],
  thaw: ["What the store was asked for is on its way all the same.", "Run it again: it asks for the rest."],
};

/** The truth about a run that was broken off: what it leaves behind, by what it was doing. */
export function interruptionOf(what: string): Interruption {
  const [left, next] = Object.entries(told).find(([name]) => name === what)?.[1] ?? read;
  return { code: "cancelled", message: `The run was interrupted before its work was done. ${left}`, next };
}
