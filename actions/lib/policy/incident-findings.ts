import type { IncidentPolicy } from "../config/policy/incident.ts";
import { ageOf, type PromiseFinding, span, type VaultTruth } from "./promises.ts";

/** Name of the finding; the daily summary tells it every day, broken or not. */
export const incidentFinding = "now.incident";

/**
 * An incident that is on: nothing is forgotten, and no new set counts as a good one. For some days that is what it is for;
 * longer, somebody has forgotten it.
 */
export function incidentFindings(
  vault: VaultTruth | undefined,
  { longestDays }: IncidentPolicy,
  now: Date,
): PromiseFinding[] {
  const incident = vault?.incident;
  if (incident === undefined) return [];
  const { id, reason, since } = incident;
  const age = since === null ? Number.POSITIVE_INFINITY : ageOf(since, now);
  const forgotten = age > longestDays * 1440;
  const known = since === null ? "for a time that cannot be told" : `for ${span(age)}`;
  return [
    {
      name: incidentFinding,
      level: forgotten ? "broken" : "doubtful",
      message:
        `Incident ${id} is on ${known} (${reason}): nothing is removed, and no set that is made now counts as a good one.` +
        (forgotten ? ` The policy expects an end within ${longestDays} days.` : ""),
      next: "See `lifeboat incident`. When it is over: `lifeboat incident end --reason …` (runbooks/incident.md).",
    },
  ];
}
