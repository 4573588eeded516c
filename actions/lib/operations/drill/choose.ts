import { createHash } from "node:crypto";
import { type DrillScenario, drillScenarios } from "../../vault/format/proof.ts";

/** A drill that was played to its end, whatever came of it. */
export interface PlayedDrill {
  readonly scenario: DrillScenario;
  /** ISO 8601. */
  readonly startedAt: string;
}

/** `2026-Q4`, in UTC. */
export function quarterOf(time: Date): string {
  return `${time.getUTCFullYear()}-Q${Math.floor(time.getUTCMonth() / 3) + 1}`;
}

interface ChoiceFacts {
  readonly played: readonly PlayedDrill[];
  /** Those that can be played here; one without a replica cannot play the loss of a region. */
  readonly able: readonly DrillScenario[];
  readonly now: Date;
  /** Any text. It decides among those that have waited equally long. */
  readonly seed: string;
}

/**
 * The scenario whose turn it is: the one that was played longest ago, so that each comes within as many drills as there are scenarios,
 * whichever quarters were late or missed. A drill that failed is played again as long as its quarter lasts. Pure; undefined when none can be played.
 */
export function chooseScenario({ played, able, now, seed }: ChoiceFacts): DrillScenario | undefined {
  const last = new Map<DrillScenario, string>();
  for (const one of played) {
    if (one.startedAt >= (last.get(one.scenario) ?? "")) last.set(one.scenario, one.startedAt);
  }
  const newest = played.toSorted((a, b) => (a.startedAt < b.startedAt ? -1 : 1)).at(-1);
  const again = newest && quarterOf(new Date(newest.startedAt)) === quarterOf(now);
  if (again && able.includes(newest.scenario)) return newest.scenario;
  const lot = (scenario: DrillScenario): string => createHash("sha256").update(`${seed} ${scenario}`).digest("hex");
  const rank = (scenario: DrillScenario): string => `${last.get(scenario) ?? ""} ${lot(scenario)}`;
  return able.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))[0];
}

/** Which scenarios can be played here. @param replica whether S3_REPLICA_BUCKET is set */
export function playable(replica: boolean): DrillScenario[] {
  return drillScenarios.filter((scenario) => replica || scenario !== "regional-disaster");
}
