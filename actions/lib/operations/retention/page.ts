import { countOf, formatBytes, formatDay } from "../../base/measures.ts";
import type { Decision, Subject } from "../../policy/retention.ts";
import { describePending, type PendingTerm } from "../../policy/terms.ts";
import type { Page, PageTable } from "../../report/page.ts";
import { meddlingFailure } from "../../report/run/run-report.ts";
import { tierSchema } from "../../vault/format/manifest.ts";
import type { Told } from "../operation.ts";
import type { VaultsRetention } from "./apply-retention.ts";
import type { RemovalsDone } from "./removal-loop.ts";
import type { FilesRetention } from "./retain-files.ts";
import type { DatabaseRetention } from "./retain-sets.ts";

/** Rows of one table, at most: what is left out is counted. */
const mostRows = 40;

/** What was, or would be, done for the vaults. */
export function retentionPage(done: VaultsRetention, dryRun: boolean): Page {
  const { database, files } = done;
  const kinds = [
    ...(database === null ? [] : [{ name: "database set", decisions: database.plan.plan.decisions, ...database }]),
    ...(files === null ? [] : [{ name: "snapshot of the files", decisions: files.plan.decisions, ...files }]),
  ];
  const keptBack = kinds.reduce((sum, one) => sum + one.keptBack, 0);
  return {
    title: "Retention of the vaults",
    sentence: [
      ...(database === null ? [] : [ofDatabase(database, dryRun)]),
      ...(files === null ? [] : [ofFiles(files, dryRun)]),
    ].join(" "),
    tables: [
      ...kinds.map(({ name, decisions }) => staying(`What stays: ${name}s`, decisions)),
      ...(database === null ? [] : [newest("Newest database sets", database.plan.facts.subjects)]),
      ...(files === null ? [] : [newest("Newest snapshots of the files", files.facts.subjects)]),
      bounded(
        "Beyond their term, and why they stay",
        ["what", "id", "term ended", "why"],
        [
          ...kinds.flatMap(({ name, decisions }) => beyondTerm(name, decisions)),
          ...(database?.orphans ?? []).map(({ tier, set, why }) => [`rest of a ${tier} database set`, set, "", why]),
        ],
      ),
      bounded(
        "Going",
        ["what", "id", "why"],
        [
          ...kinds.flatMap(({ name, decisions }) =>
            decisions.flatMap(({ keep, set, tier, why }) => (keep ? [] : [[`${tier} ${name}`, set, why]])),
          ),
          ...(database?.leftovers ?? []).map(({ set }) => ["rest of a database set", set, "it has no manifest"]),
        ],
      ),
      bounded(
        "Kept back",
        ["id", "object versions", "until"],
        kinds.flatMap(({ removals }) => keptRows(removals)),
      ),
    ],
    notes: [
      ...alarmsOf(done),
      ...(done.refusal === null ? [] : [`Nothing is removed: ${done.refusal.why}. ${done.refusal.next}`]),
      ...kinds.flatMap(({ removals }) => (removals?.stopped ? [`Stopped before its end: ${removals.stopped}.`] : [])),
      ...pendingOf(done).map(describePending),
      ...done.notes,
      ...(files === null ? [] : [ofLocks(files, dryRun)]),
      ...strangersNote(database?.strangers ?? []),
      ...(keptBack > 0
        ? [`${countOf(keptBack, "object version")} stay for now: locked or held still, or not for this role to delete.`]
        : []),
    ],
  };
}

const words: Readonly<Record<Exclude<Decision["beyond"], null>, string>> = {
  needed: "somebody needs it",
  newest: "among the newest good ones",
  paid: "paid for anyway",
  locked: "locked",
  "held-back": "nothing is removed now",
  "not-ours": "not signed by us, or hidden",
  future: "dated in the future",
  announced: "its term is not known yet",
};

function staying(title: string, decisions: readonly Decision[]): PageTable {
  const kept = decisions.filter(({ keep }) => keep);
  const groups = Map.groupBy(kept, ({ tier, beyond }) =>
    beyond === null ? `${tier}, within its term` : words[beyond],
  );
  return {
    title,
    header: ["why", "how many", "newest", "oldest"],
    // Decisions are oldest first.
    rows: [...groups].map(([why, some]) => [why, String(some.length), some.at(-1)?.set ?? "", some[0]?.set ?? ""]),
  };
}

/** Of each tier what is never removed. */
function newest(title: string, subjects: readonly Subject[]): PageTable {
  const good = subjects.filter(({ state, marked }) => state === "trusted" && !marked).toSorted((a, b) => b.at - a.at);
  return {
    title,
    header: ["tier", "verified", "proven"],
    rows: tierSchema.options.map((tier) => [
      tier,
      good.find((one) => one.tier === tier && one.verified)?.set ?? "none",
      good.find((one) => one.tier === tier && one.provenAt !== null)?.set ?? "none",
    ]),
  };
}

function beyondTerm(name: string, decisions: readonly Decision[]): string[][] {
  return decisions.flatMap(({ keep, beyond, set, tier, until, why }) =>
    keep && beyond !== null && beyond !== "future"
      ? [[`${tier ?? "unknown"} ${name}`, set, until === null ? "" : formatDay(until), why]]
      : [],
  );
}

function keptRows(removals: RemovalsDone | null): string[][] {
  return [...(removals?.whole ?? []), ...(removals?.unfinished ?? [])].map(({ set, kept, keptUntil }) => [
    set,
    String(kept),
    keptUntil === null ? "a hold or a missing right keeps them" : formatDay(keptUntil),
  ]);
}

function bounded(title: string, header: readonly string[], rows: readonly string[][]): PageTable {
  const more = rows.length - mostRows;
  const rest = more > 0 ? [[`and ${more} more`, ...header.slice(1).map(() => "")]] : [];
  return { title, header, rows: [...rows.slice(0, mostRows), ...rest] };
}

function ofDatabase({ plan, leftovers, removals, deleted }: DatabaseRetention, dryRun: boolean): string {
  const { decisions, heldBack } = plan.plan;
  const going = decisions.filter(({ keep }) => !keep).length;
  const kept = `${countOf(decisions.length - (dryRun ? going : (removals?.removed.length ?? 0)), "database set")} kept.`;
  if (heldBack !== null) return `${kept} None is removed: ${heldBack}.`;
  if (dryRun)
    return going + leftovers.length === 0
      ? `${kept} None is there that the policy no longer keeps.`
      : `${kept} Dry run: ${countOf(going, "set")} and the rests of ${leftovers.length} would go; nothing was removed.`;
  if (deleted === 0) return `${kept} None is there that the policy no longer keeps.`;
  return `${kept} Removed ${countOf(removals?.removed.length ?? 0, "set")}, with rests, records and old leases ${countOf(deleted, "object version")}.`;
}

function ofFiles({ plan, deleted }: FilesRetention, dryRun: boolean): string {
  const { go, stay, unnamed, unnamedBytes, heldBack } = plan;
  const kept = `${countOf(stay.length, "snapshot")} of the files kept.`;
  const objects = countOf(unnamed.length, "object");
  const gone = `${countOf(go.length, "snapshot")} and ${objects} (${formatBytes(unnamedBytes)}) that no other names`;
  if (heldBack !== null) return `${kept} Nothing is removed: ${heldBack}.`;
  if (unnamed.length === 0) return `${kept} Nothing is there that the policy no longer keeps.`;
  if (dryRun) return `${kept} Dry run: ${gone} would go; nothing was removed.`;
  return `${kept} Removed ${countOf(deleted, "object version")} of ${gone}.`;
}

function ofLocks({ locks }: FilesRetention, dryRun: boolean): string {
  if (locks === null) return "The files' bucket cannot lock objects: no lock was extended.";
  const changed = dryRun ? `${locks.due.length} would be extended` : `${countOf(locks.extended, "lock")} extended`;
  return `${countOf(locks.runs, "run")} of locks looked at; ${changed}.`;
}

function strangersNote(strangers: readonly string[]): string[] {
  if (strangers.length === 0) return [];
  return [
    `${countOf(strangers.length, "object")} in folders of sets that went were not put there by Lifeboat, and stay (${strangers.slice(0, 3).join(", ")}): look at them, then remove them yourself.`,
  ];
}

/** The same shortened term is announced by both vaults. */
export function pendingOf({ database, files }: Pick<VaultsRetention, "database" | "files">): PendingTerm[] {
  const all = [...(database?.plan.pending ?? []), ...(files?.pending ?? [])];
  return tierSchema.options.flatMap((tier) => all.find((one) => one.tier === tier) ?? []);
}

function alarmsOf({ database, files, alarms }: VaultsRetention): string[] {
  return [...new Set([...(database?.alarms ?? []), ...(files?.alarms ?? []), ...alarms])];
}

/** What was done for the vaults. What no snapshot names is counted in JSON: it may be a million objects. */
export function reportRetention(done: VaultsRetention, rehearsal: boolean): Told {
  const { database, files } = done;
  const alarms = alarmsOf(done);
  const failure =
    done.refusal === null
      ? meddlingFailure(alarms)
      : { code: "retention-unsafe", message: `Nothing was removed: ${done.refusal.why}.`, next: done.refusal.next };
  return {
    result: {
      database: database && {
        ...{ decisions: database.plan.plan.decisions, heldBack: database.plan.plan.heldBack },
        ...{ leftovers: database.leftovers.map(({ tier, set }) => ({ tier, set })), orphans: database.orphans },
        ...{ removals: database.removals, records: database.records?.byPrefix ?? {} },
        ...{ deleted: database.deleted, keptBack: database.keptBack, strangers: database.strangers },
      },
      files: files && {
        ...{ decisions: files.plan.decisions, heldBack: files.plan.heldBack, go: files.plan.go },
        ...{ unnamedObjects: files.plan.unnamed.length, unnamedBytes: files.plan.unnamedBytes },
        ...{ locks: files.locks, removals: files.removals, deleted: files.deleted, keptBack: files.keptBack },
      },
      ...{ pending: pendingOf(done), refusal: done.refusal, notes: done.notes, alarms },
    },
    page: retentionPage(done, rehearsal),
    ...(failure !== undefined && { failure }),
  };
}
