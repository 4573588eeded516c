import { OperationError } from "../../../base/errors.ts";
import { countOf, formatCount } from "../../../base/measures.ts";
import type { Finding } from "../../../policy/monitor/check.ts";
import { alarmTroubles, judgeTroubles, type Trouble } from "../../../policy/monitor/vault.ts";
import { findHead } from "../../../vault/audit/find-head.ts";
import { readTrail, type StoredTrail } from "../../../vault/audit/read-trail.ts";
import { type TrailVerdict, verifyTrail } from "../../../vault/audit/verify.ts";
import { trailTrust } from "../../audit/run-trail.ts";
import type { Look, ToldHead } from "../check.ts";
import type { VaultReader } from "./read-vault.ts";

const hour = 3_600_000;
/** A head that was told so long ago is where the walk begins: each entry is walked by many looks. */
const walkedHours = 48;
/** Entries that one look reads at most: two months of the default schedules. */
const most = 1000;
/** The longest job ends after six hours. */
const longestHours = 12;
const next = "Run `lifeboat audit verify`, and see runbooks/audit-trail.md.";

/**
 * What the audit trail has got lately, held against the heads that committed reports tell: it goes on from a head of two days ago, and every
 * head since then is in it. All of the trail is for `lifeboat audit verify`.
 */
export async function lookAtTrail({ context, now, heads }: Look, reader: VaultReader): Promise<Finding> {
  if (heads === undefined)
    throw new OperationError(
      "reports-unread",
      "The branch reports, whose heads the audit trail is held against, could not be read.",
      "See why the branch cannot be read: runbooks/monitor-silent.md.",
    );
  const vault = await reader.vault();
  const trust = await trailTrust(context.config());
  const { head } = await findHead(vault, trust);
  const from = walkFrom(heads, head.count, now);
  const stored = await readTrail(vault, { from, to: head.count });
  const anchors = heads.filter(({ count }) => count >= from);
  return judgeTrail(stored, await verifyTrail(stored.objects, anchors, trust, from), from, now);
}

/** Pure. @returns the number of the first entry that is walked */
export function walkFrom(heads: readonly ToldHead[], end: number, now: Date): number {
  const before = heads.filter(({ at }) => Date.parse(at) <= now.getTime() - walkedHours * hour);
  const newest = Math.max(1, ...before.map(({ count }) => count));
  // A trail that is shorter than was told shows at the head itself.
  return Math.max(Math.min(newest, end + 1), end - most + 1, 1);
}

/** Pure. */
export function judgeTrail(
  { alarms }: Pick<StoredTrail, "alarms">,
  { problems, strangers, unended, head, anchors }: TrailVerdict,
  from: number,
  now: Date,
): Finding {
  const [first] = problems;
  const [stranger] = strangers;
  const killed = unended.filter(({ at }) => now.getTime() - Date.parse(at) > longestHours * hour);
  const troubles: Trouble[] = [
    ...(first === undefined
      ? []
      : [
          {
            ...{ state: "critical" as const, next },
            found: `Entry ${first.number} of the audit trail is ${first.fault === "missing" ? "missing" : "not what was written"}`,
          },
        ]),
    ...alarmTroubles(alarms, next),
    ...(stranger === undefined
      ? []
      : [
          {
            ...{ state: "warning" as const, next },
            found: `${countOf(strangers.length, "place")} of the audit trail, the first of them ${stranger}, nobody of ours has written`,
          },
        ]),
    ...killed.slice(0, 1).map(({ number, operation }) => ({
      ...{ state: "warning" as const, next: "Look for the run of that entry: `lifeboat audit list`." },
      found: `Entry ${number} of the audit trail begins '${operation}', which has not ended; of ${countOf(killed.length, "run")} that is so`,
    })),
  ];
  const walked = head.count === 0 ? "has no entry yet" : `is whole from entry ${from} to ${formatCount(head.count)}`;
  const told =
    anchors.count === 0
      ? "no committed report tells a head of it yet"
      : `as ${countOf(anchors.count, "committed head")} of it tell`;
  return judgeTroubles(
    troubles,
    `The audit trail ${walked}; ${told}.`,
    "Somebody with rights on the bucket wants something not to be seen, or a run was killed and what it has done is not known.",
  );
}
