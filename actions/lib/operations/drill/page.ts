import { countOf, few, formatInstant } from "../../base/measures.ts";
import { type Page, timeTable } from "../../report/page.ts";
import type { Outcome } from "../../report/run/run-report.ts";
import { triedTable } from "../configuration/trial-rules.ts";
import type { Carried } from "../recover/complete-loss/facts.ts";
import { span } from "./judge.ts";
import { type DrillNotice, type DrillPhase, type DrillReport, type DrillResult, isReport } from "./result.ts";

/** What a drill found out, what failed first. */
function drillPage(result: DrillResult): Page {
  return isReport(result) ? reportPage(result) : { title: "Drill", sentence: noticeSentence(result), tables: [] };
}

function noticeSentence(notice: DrillNotice): string {
  if (notice.outcome === "nothing-to-do")
    return `This quarter has its drill (${notice.scenario}, ended at ${formatInstant(notice.finishedAt)}): nothing to do.`;
  const { scenario, set, place, phases, dollars } = notice;
  const cost = dollars === null ? "" : ` Such a project costs about $${dollars.toFixed(2)} a month.`;
  return `Dry run: ${scenario} would be played with set ${set} in ${place}, in ${countOf(phases.length, "phase")}. Nothing was touched.${cost}`;
}

/** The word `proven` stands in it only when the outcome is that. */
function drillSentence(report: DrillReport): string {
  const { scenario, outcome, failures, machineSeconds, human, rtoMinutes, restored } = report;
  if (outcome !== "proven") return `The drill ${scenario} FAILED: ${few(failures, 3, "; ")}.`;
  const hands = human === null ? ", people's part not measured" : ` and ${span(human.minutes * 60)} of people's work`;
  const what = restored === null ? "" : ` Set ${restored.set} came back equal; a sabotaged one was refused.`;
  return `The drill ${scenario} is proven: back in ${span(machineSeconds)}${hands}; ${span(rtoMinutes * 60)} are promised.${what}`;
}

function reportPage(report: DrillReport): Page {
  const { failures, warnings, phases, before, checks, byHand, drill, scenario } = report;
  return {
    title: `Drill ${drill}: ${scenario}`,
    sentence: drillSentence(report),
    tables: [
      { title: "Why it failed", header: ["failure"], rows: failures.map((failure) => [failure]) },
      { title: "Against the promise", header: ["", "promised", "in this drill"], rows: promiseRows(report) },
      {
        title: "Phases, against the last drill of this scenario",
        header: ["phase", "took", "last time", ""],
        rows: phaseRows(phases, before?.phases, "LATE"),
      },
      timeTable(phases),
      {
        title: "Application",
        header: ["check", "outcome", "found"],
        rows: checks.map(({ name, outcome, finding }) => [
          name,
          outcome === "passed" ? outcome : outcome.toUpperCase(),
          finding,
        ]),
      },
      triedTable(report.tried ?? []),
      { title: "What people do by hand in a real recovery", header: ["step"], rows: byHand.map((step) => [step]) },
    ],
    notes: [...warnings.map((warning) => `warning: ${warning}`), ...notesOf(report)],
  };
}

/** Each phase, how long it took, how long the last time, and what there is to say of it. @param late the word for one that was late */
export function phaseRows(
  phases: readonly DrillPhase[],
  before: readonly DrillPhase[] | undefined,
  late: string,
): [name: string, took: string, last: string, word: string][] {
  const last = new Map(before?.map(({ name, seconds }) => [name, seconds]));
  return phases.map((phase) => {
    const known = last.get(phase.name);
    const word = phase.late ? late : known !== undefined && phase.seconds > slower(known) ? "slower" : "";
    return [phase.name, span(phase.seconds), known === undefined ? "–" : span(known), word];
  });
}

/** Noise is no news: a quarter more, and ten seconds. */
function slower(last: number): number {
  return last * 1.25 + 10;
}

function promiseRows({ machineSeconds, human, rtoMinutes, rpoMinutes, lost }: DrillReport): string[][] {
  const hands =
    human === null ? "not measured" : `${span(human.minutes * 60)}, measured ${human.measuredAt.slice(0, 10)}`;
  return [
    ["time until it is back (RTO)", span(rtoMinutes * 60), span(machineSeconds + (human?.minutes ?? 0) * 60)],
    ["  of it by machines", "", span(machineSeconds)],
    ["  of it by people", "", hands],
    ["work that is lost (RPO)", span(rpoMinutes * 60), `${span(lost.seconds)}, by ${lost.measuredBy}`],
    ["  rows", "", lost.rows === null ? "not counted" : String(lost.rows)],
    ["  files", "", lost.files === null ? "not counted" : String(lost.files)],
    ["  sentinels, one a minute", "", lost.sentinels == null ? "none are written" : String(lost.sentinels)],
  ];
}

function notesOf({ restored, configuration, migrated, sabotage, dollars, place, proof }: DrillReport): string[] {
  return [
    ...(restored === null ? [] : [restored.sentence]),
    ...(restored?.files == null ? [] : [`files: ${restored.files.sentence}`]),
    ...(configuration === null || configuration.why !== null ? [] : [`settings: ${countsOf(configuration.counts)}`]),
    ...(migrated === null
      ? []
      : [`migrations since the set: ${migrated.why ?? countOf(migrated.applied.length, "file")}`]),
    ...(sabotage === null
      ? []
      : [
          `sabotage (${sabotage.kind}, seed ${sabotage.seed}): ${sabotage.refusedBy === null ? "NOT refused" : `refused as ${sabotage.refusedBy}`}`,
        ]),
    `played in ${place.name}${place.ref === null ? "" : ` (${place.ref})`}`,
    ...(dollars === null ? [] : [`the project cost about $${dollars.toFixed(2)}`]),
    ...(proof === null ? [] : [`signed proof: ${proof}`]),
  ];
}

function countsOf({ carried, already, listed, refused }: Carried["counts"]): string {
  return `${carried} carried, ${already} there already, ${listed} listed for a person, ${refused} refused`;
}

const next =
  "See runbooks/drill-failed.md. The same drill again: `lifeboat drill --scenario … --seed …`, as the page says.";

/** What a drill leaves for reports, and for the outputs of actions/run-drill/action.yml. */
export function reportDrill(result: DrillResult): Outcome {
  const page = drillPage(result);
  const { scenario, outcome } = result;
  if (!isReport(result)) return { outputs: { scenario, outcome }, page, facts: { outcome }, skipped: true };
  const { restored, proof, machineSeconds, phases, lost, code } = result;
  return {
    outputs: {
      ...{
        scenario,
        outcome,
        drill: result.drill,
        proof: proof ?? "",
        "machine-seconds": String(Math.round(machineSeconds)),
      },
      "lost-seconds": String(lost.seconds),
    },
    page,
    facts: {
      ...{ outcome, restoreSeconds: machineSeconds, stages: phases.map(({ name, seconds }) => ({ name, seconds })) },
      ...(restored !== null && {
        ...{ set: restored.set, snapshotAt: restored.snapshotAt, tables: restored.counts.tables },
        ...{ rows: Number(restored.counts.rows), differences: restored.differences },
      }),
      ...(proof !== null && { proof }),
    },
    ...(code !== null && { failure: { code, message: page.sentence, next } }),
  };
}
