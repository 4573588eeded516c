import type { LifeboatError } from "../../../base/errors.ts";
import { countOf, formatDuration, formatInstant } from "../../../base/measures.ts";
import { type Page, timeTable } from "../../../report/page.ts";
import type { Told } from "../../operation.ts";
import { type Phase, type PhaseTime, secondsOf } from "../phases.ts";
import { describeMoment, type Moment, utcSecond } from "./moment.ts";
import type { PlanBOutcome } from "./plan-b.ts";
import type { FilesTold } from "./reconcile-files.ts";
import { type WaysQuestion, waysLeft, waysTable } from "./ways.ts";
import type { Cause, Known, Work } from "./work.ts";

interface DecisionAsked {
  readonly recovery: string;
  readonly error: LifeboatError;
  readonly cause: Cause;
  readonly target: Moment;
  readonly known: Known;
  readonly ways: WaysQuestion;
  readonly planB: PlanBOutcome | undefined;
}

/** What is known, what is left, and what each way would lose. */
export function decisionPage({ recovery, error, target, known, ways, planB }: DecisionAsked): Page {
  return {
    title: `Recovery ${recovery}: somebody has to decide`,
    sentence: error.message,
    tables: [
      waysTable(waysLeft(ways)),
      { title: "What is known", header: ["what", "is"], rows: [...knownRows(target, known), ...planBRow(planB)] },
    ],
    notes: [
      ...(error.next === undefined ? [] : [error.next]),
      "Nothing goes on by itself. What Supabase was asked for goes on there, and the incident stays on until somebody ends it.",
      "Page: runbooks/recover-database-failure.md. People to tell: runbooks/contacts.md.",
    ],
  };
}

function knownRows(target: Moment, known: Known): string[][] {
  const { incident, set, noSet, requestedAt, accepted } = known;
  return [
    ["the moment", describeMoment(target, undefined)],
    ["incident", incident ?? "none is on"],
    ["set of what was there before", set ?? `none${noSet === null ? "" : `: ${noSet}`}`],
    [
      "request to Supabase",
      requestedAt === null ? "not sent" : `${utcSecond(requestedAt)}, ${accepted ? "taken" : "not known to be taken"}`,
    ],
  ];
}

function planBRow(planB: PlanBOutcome | undefined): string[][] {
  if (planB === undefined) return [];
  return [["plan B", planB.winner === "plan B" ? "it serves" : planB.planB]];
}

type Failure = NonNullable<Told["failure"]>;

interface Returned {
  readonly recovery: string;
  readonly ref: string;
  readonly work: Work;
  readonly times: readonly PhaseTime[];
  readonly human: readonly { readonly at: string; readonly by: string; readonly what: string }[];
  readonly files: FilesTold;
  readonly planB: PlanBOutcome | undefined;
}

/** The database is back: proven, or not. */
export function returnedPage({ recovery, ref, work, times, human, files, planB }: Returned): Page {
  const { known, target } = work;
  const proven = known.verdict === "proven";
  const took =
    known.requestedAt === null
      ? ""
      : ` It came back ${formatDuration(Date.parse(times.at(-1)?.endedAt ?? "") - known.requestedAt)} after the request.`;
  return {
    title: `Recovery ${recovery}: database-failure`,
    sentence: proven
      ? `Project ${ref} is back at ${utcSecond(target.unix * 1000)}, proven from inside.${took} ${files.sentence}`
      : `Project ${ref} has come back, and that it is at ${utcSecond(target.unix * 1000)} is UNPROVEN.${took} ${files.sentence}`,
    tables: [
      { title: "What is known", header: ["what", "is"], rows: [...knownRows(target, known), ...planBRow(planB)] },
      { title: "Files", header: ["what", "files", "what to do"], rows: files.rows.map((row) => [...row]) },
      {
        title: "What people did",
        header: ["when", "who", "what"],
        rows: human.map(({ at, by, what }) => [formatInstant(at), by, what]),
      },
      timeTable(secondsOf(times).map(({ name, seconds, late }) => ({ name: late ? `${name} (late)` : name, seconds }))),
    ],
    notes: [
      "Cron goes on by itself after a recovery, and jobs that were due meanwhile are skipped: run them by hand where that matters.",
      "Auth: who was deleted or had to confirm again since the moment is as before. What `lifeboat erase` has in its ledger is erased again; re-apply other revocations that came after it.",
      "Tell the users that what they did after the moment is gone; then end the incident: `lifeboat incident end --reason …`.",
    ],
  };
}

/** What a database that is back may be called. Pure. @param sentence that says it */
export function judgeReturned(
  verdict: Known["verdict"],
  files: FilesTold,
  sentence: string,
): { readonly outcome: "recovered" | "unproven" | "differs"; readonly failure?: Failure } {
  if (verdict !== "proven") {
    const next =
      "Look at the rows yourself: what is the newest, and is what you wanted to undo gone? `lifeboat sentinels install` proves the next one.";
    return { outcome: "unproven", failure: { code: "recovery-unproven", message: sentence, next } };
  }
  if (!files.wrong) return { outcome: "recovered" };
  const next = "The database is back. See the page's part about files, then `lifeboat restore-files latest --dry-run`.";
  return { outcome: "differs", failure: { code: "files-not-back", message: files.sentence, next } };
}

export function rehearsalPage(target: Moment, phases: readonly Phase<Work>[]): Page {
  const most = phases.reduce((sum, { deadlineSeconds }) => sum + deadlineSeconds, 0);
  return {
    title: "Rehearsal of a recovery to a point in time",
    sentence: `Nothing was changed. The database would go back to ${describeMoment(target, undefined)}; ${countOf(phases.length, "phase")}, ${formatDuration(most * 1000)} at most until somebody knows.`,
    tables: [
      {
        title: "Phases",
        header: ["phase", "does", "waits for", "usually", "has at most", "then"],
        rows: phases.map(({ name, does, waitsFor, usuallySeconds, deadlineSeconds, whenLate }) => [
          ...[name, does, waitsFor, formatDuration(usuallySeconds * 1000), formatDuration(deadlineSeconds * 1000)],
          whenLate,
        ]),
      },
    ],
  };
}
