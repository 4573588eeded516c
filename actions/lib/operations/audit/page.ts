import { countOf, few } from "../../base/measures.ts";
import type { AuditEntry, Who } from "../../vault/audit/entry.ts";
import type { StoredTrail } from "../../vault/audit/read-trail.ts";
import type { Fault, Problem, TrailVerdict } from "../../vault/audit/verify.ts";
import type { Told } from "../operation.ts";

const words: Readonly<Record<Fault, string>> = {
  missing: "is missing",
  malformed: "is no entry, or its bytes are not those of one",
  moved: "is an entry of another place",
  false: "is not what was told of it when it was written",
  unchained: "does not go on from the entry before it",
  signature: "bears a signature that does not fit it",
};

/** The first false entry, and all others, in words. */
export function describeProblem({ number, fault, to }: Problem): string {
  return to !== undefined && to > number ? `entries ${number} to ${to} are missing` : `entry ${number} ${words[fault]}`;
}

export function reportVerdict(stored: StoredTrail, verdict: TrailVerdict): Told {
  const { head, problems, provenTo, anchors } = verdict;
  const [first] = problems;
  const result = {
    ...{ count: stored.objects.size, head, provenTo, anchors, first: first ?? null, problems: problems.slice(0, 100) },
    ...{
      strangers: verdict.strangers,
      others: stored.others,
      unsigned: verdict.unsigned.length,
      alarms: stored.alarms,
    },
    unended: verdict.unended.map(({ number }) => number),
    clockBack: verdict.clockBack,
  };
  const whole = `The trail is whole: ${countOf(stored.objects.size, "entry", "entries")}`;
  const held =
    anchors.count === 0
      ? "; no head was told from elsewhere, so that it is only right in itself"
      : `, ${provenTo} of them held against ${countOf(anchors.count, "head")} told elsewhere`;
  const told = {
    result,
    page: {
      title: "Audit trail",
      sentence:
        first === undefined
          ? `${whole}${held}.`
          : `The trail is FALSE: first, ${describeProblem(first)}. Entries 1 to ${provenTo} are proven.`,
      tables: [{ header: ["what is wrong"], rows: problems.slice(0, 20).map((one) => [describeProblem(one)]) }],
      notes: notesOf(stored, verdict),
    },
  };
  if (first === undefined && stored.alarms.length === 0) return told;
  return {
    ...told,
    failure: {
      code: first === undefined ? "vault-meddled" : "audit-false",
      message: first === undefined ? stored.alarms.join(" ") : `The audit trail is false: ${describeProblem(first)}.`,
      next: "Somebody with rights on the bucket did this. Nothing repairs the trail; begin with runbooks/audit-trail.md.",
    },
  };
}

function notesOf({ others, alarms }: StoredTrail, verdict: TrailVerdict): string[] {
  const { head, strangers, unsigned, unended, clockBack } = verdict;
  return [
    ...alarms,
    ...(head.sha256 === null ? [] : [`Head: ${head.count}:${head.sha256}`]),
    ...(strangers.length === 0 ? [] : [`Put there by strangers, and no entries: ${few(strangers.map(String))}.`]),
    ...(others.count === 0 ? [] : [`Not ours, below audit/: ${others.count}, e.g. ${few(others.some, 5)}.`]),
    ...(unsigned.length === 0
      ? []
      : [
          `${countOf(unsigned.length, "entry", "entries")} without a signature of a pinned key: the next signed one vouches for each.`,
        ]),
    ...(unended.length === 0
      ? []
      : [`Begun and not ended: ${few(unended.map(({ number, operation }) => `${number} (${operation})`))}.`]),
    ...(clockBack.length === 0 ? [] : [`The clock went back before: ${few(clockBack.map(String))}.`]),
  ];
}

export function reportList({ objects }: StoredTrail, { entries }: TrailVerdict, newest: number): Told {
  const shown = entries.slice(-newest).reverse();
  return {
    result: { count: objects.size, entries: shown },
    page: {
      title: "Audit trail",
      sentence: `${countOf(objects.size, "entry", "entries")}, ${shown.length} of them shown, the newest first. \`lifeboat audit verify\` says whether they are true.`,
      tables: [{ header: ["no.", "when", "who", "what", "outcome", "why"], rows: shown.map(rowOf) }],
    },
  };
}

function rowOf(entry: AuditEntry): string[] {
  const of = (what: readonly (string | null)[]): string => what.filter((one) => one !== null).join(" ");
  const place = [String(entry.number), entry.at.slice(0, 19), whoseName(entry.who)];
  if (entry.event === "begin") {
    const { operation, what, set, target, rehearsal, breakGlass, withoutAudit, reason } = entry;
    const how = [
      rehearsal ? "(rehearsal)" : null,
      breakGlass ? "BREAK GLASS" : null,
      withoutAudit === null ? null : "WITHOUT AUDIT",
    ];
    return [...place, of([operation, what, set, target, ...how]), "begun", reason ?? withoutAudit ?? ""];
  }
  const { made, opened, removed, outcome, code, operation } = entry;
  const counts = [`made ${made.count}`, `opened ${opened.count}`, `removed ${removed.count}`].filter(
    (one) => !one.endsWith(" 0"),
  );
  return [...place, of([operation, counts.join(", ")]), of([outcome, code]), ""];
}

function whoseName(who: Who): string {
  return who.by === "github" ? `${who.actor}, ${who.workflow} ${who.run}` : `${who.user} at ${who.host}`;
}

export function reportExport(count: number, folder: string): Told {
  const sentence = `${countOf(count, "entry", "entries")} written to ${folder}. Without Lifeboat: bash verify-audit.sh . --reports REPOSITORY`;
  return { result: { count, folder }, page: { title: "Export of the audit trail", sentence, tables: [] } };
}

export function reportFiled({ filed, refused }: { readonly filed: number; readonly refused: readonly string[] }): Told {
  const told = {
    result: { filed, refused },
    page: {
      title: "Audit trail",
      sentence: filed === 0 ? "There is nothing to file." : `Filed ${countOf(filed, "entry", "entries")}.`,
      tables: [],
    },
  };
  if (refused.length === 0) return told;
  const next = "Look into them: they are not what Lifeboat has written.";
  return {
    ...told,
    failure: { code: "audit-unfiled", message: `No entries that can be filed: ${few(refused)}.`, next },
  };
}
