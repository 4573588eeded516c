import { ConfigurationError } from "../../base/errors.ts";
import { formatMinute } from "../../base/measures.ts";
import type { Decision, RetentionFacts, Subject } from "../../policy/retention.ts";
import type { Told } from "../operation.ts";
import type { VaultsRetention } from "./apply-retention.ts";

/**
 * Why one set, or one snapshot of the files, stays or goes, in a few sentences.
 * @throws ConfigurationError `set-unknown`
 */
export function explainSet(done: VaultsRetention, wanted: string): Told {
  const { database, files } = done;
  const told = [
    ...(database === null ? [] : explained(wanted, "Database set", database.plan.plan.decisions, database.plan.facts)),
    ...(files === null ? [] : explained(wanted, "Snapshot of the files", files.plan.decisions, files.facts)),
  ];
  const rest = database?.leftovers.find(({ set }) => set === wanted);
  if (rest !== undefined)
    told.push({
      decision: null,
      sentences: [
        `Set ${wanted} does not exist any more: it has no manifest. What is left of it goes as soon as its locks are over.`,
      ],
    });
  const orphan = database?.orphans.find(({ set }) => set === wanted);
  if (orphan !== undefined)
    told.push({
      decision: null,
      sentences: [
        `The manifest of set ${wanted} (${orphan.tier}) was deleted, and not by Lifeboat. What is left of it stays: ${orphan.why}.`,
      ],
    });
  if (told.length === 0)
    throw new ConfigurationError(
      "set-unknown",
      `There is no set ${wanted} in the vault, and no snapshot of the files of that name`,
      "See `lifeboat list` and `lifeboat list --files`.",
    );
  const lines = told.flatMap(({ sentences }) => sentences);
  return {
    result: { set: wanted, decisions: told.flatMap(({ decision }) => decision ?? []), sentences: lines },
    page: { title: `Retention of ${wanted}`, sentence: lines[0] ?? "", tables: [], notes: lines.slice(1) },
    lines,
  };
}

interface Explained {
  readonly decision: Decision | null;
  readonly sentences: readonly string[];
}

function explained(
  wanted: string,
  what: string,
  decisions: readonly Decision[],
  { subjects, needed }: RetentionFacts,
): Explained[] {
  return decisions
    .filter(({ set }) => set === wanted)
    .map((decision) => {
      const subject = subjects.find(({ set, tier }) => set === wanted && tier === decision.tier);
      const need = needed.get(wanted);
      const name = `${what} ${wanted}${decision.tier === null ? "" : ` (${decision.tier})`}`;
      return {
        decision,
        sentences: [
          `${name} ${decision.keep ? "stays" : "goes with the next run"}: ${decision.why}.`,
          ...(subject === undefined ? [] : factsOf(subject)),
          ...(need === undefined || decision.why.includes(need) ? [] : [`Besides, ${need}.`]),
        ],
      };
    });
}

function factsOf({ at, state, verified, provenAt, marked, paidUntil, lockedUntil }: Subject): string[] {
  if (state !== "trusted") return [];
  return [
    `Its data was read at ${formatMinute(at)}.`,
    ...(marked
      ? ["It was made while an incident was on, so it never counts as a good one."]
      : verified
        ? ["It counts as verified: every part was read again after it was stored."]
        : ["It is not known to be verified: its manifest does not say that every part was read again."]),
    ...(provenAt === null
      ? ["No restore test has proven it."]
      : [`A restore test has proven it at ${formatMinute(provenAt)}.`]),
    ...(lockedUntil === null ? [] : [`Its manifest is locked until ${formatMinute(lockedUntil)}.`]),
    ...(paidUntil === null ? [] : [`Its storage class is paid for until ${formatMinute(paidUntil)}.`]),
  ];
}
