import { countOf, few, formatDuration, formatInstant } from "../../../base/measures.ts";
import { type Page, timeTable } from "../../../report/page.ts";
import type { Outcome } from "../../../report/run/run-report.ts";
import { nothingToDo, whenLive } from "../../configuration/row.ts";
import { triedTable } from "../../configuration/trial-rules.ts";
import type { Phase } from "../phases.ts";
import type { LossPlan } from "./facts.ts";
import { filesTold, type HandOver } from "./hand-over.ts";
import type { LossWork } from "./work.ts";

/** What a recovery came to, for people, reports and outputs. */
export function reportHandOver(over: HandOver): Outcome {
  const page = handOverPage(over);
  const { set, snapshotAt, restored, phases, outcome } = over;
  return {
    outputs: {
      ...{ recovery: over.recovery, outcome, set },
      ...{ "project-ref": over.project.ref ?? "", "project-url": over.project.url ?? "" },
    },
    page,
    facts: {
      ...{ set, snapshotAt, outcome, stages: phases.map(({ name, seconds }) => ({ name, seconds })) },
      ...{ tables: restored.counts.tables, rows: Number(restored.counts.rows), restoreSeconds: over.seconds },
      differences: restored.differences,
    },
    ...failureOf(over, page.sentence),
  };
}

/** Only `recovered` ends with exit code 0: a script must not take a project for working when that was not shown. */
function failureOf({ outcome }: HandOver, message: string): Pick<Outcome, "failure"> {
  switch (outcome) {
    case "recovered":
      return {};
    case "unproven":
      return {
        failure: {
          ...{ code: "recovery-unproven", message },
          next: "Everything is there and equal to the set. Log in, check what the page lists as not proven, and go on if it works. Add checks of the application to the policy (recovery.checks) so that the next recovery shows it.",
        },
      };
    case "differs":
      return {
        failure: {
          ...{ code: "recovered-differs", message },
          next: "Understand each difference before anybody works with the project; `lifeboat prove` compares again.",
        },
      };
  }
}

export function handOverPage(over: HandOver): Page {
  const { restored, todo, off, checks, phases, project, human } = over;
  const place =
    project.ref === null
      ? "the target"
      : `project ${project.ref}${project.region === null ? "" : ` (${project.region})`}`;
  return {
    title: `Recovery ${over.recovery}: ${over.scenario}`,
    sentence: sentenceOf(over, place),
    tables: [
      {
        title: "What is there",
        header: ["what", "how"],
        rows: [
          ["project", project.url === null ? place : `${place}, ${project.url}`],
          ["set", `${over.set} (${over.tier})`],
          ["everything as of", formatInstant(over.snapshotAt)],
          ["database", restored.sentence],
          ["migrations since", migrationsTold(over)],
          ["configuration", configurationTold(over)],
          [
            "files",
            restored.files === null ? filesTold(null) : `${filesTold(restored.files)}: ${restored.files.outcome}`,
          ],
        ],
      },
      { title: "What is wrong", header: ["what"], rows: [...over.wrong, ...restored.wrong].map((one) => [one]) },
      { title: "What is not proven", header: ["why"], rows: over.unproven.map((one) => [one]) },
      {
        title: "Sets that could not be used",
        header: ["set", "why"],
        rows: restored.passedOver.map(({ set, why }) => [set, why]),
      },
      {
        title: "Settings to look at",
        header: ["part", "setting", "", "why", "what to do"],
        rows: toLookAt(over.configuration).map((row) => [row.section, row.field, row.outcome, row.why, row.next]),
      },
      triedTable(over.tried),
      {
        title: "Checks of the application",
        header: ["check", "outcome", "finding"],
        rows: checks.map(({ name, outcome, finding }) => [name, outcome, finding]),
      },
      {
        title: "What you still have to do",
        header: ["", "what", "where"],
        rows: todo.map(({ what, where }, index) => [`${index + 1}.`, what, where]),
      },
      {
        title: "Still switched off: it may speak to others. One by one, when you are sure",
        header: ["what", "switch it on with"],
        rows: off.map(({ number, what }) => [what, `lifeboat recover ${over.scenario} --switch-on ${number}`]),
      },
      {
        title: "What people did",
        header: ["when", "who", "what"],
        rows: human.map(({ at, by, what }) => [formatInstant(at), by, what]),
      },
      timeTable(phases.map(({ name, seconds, late }) => ({ name: late ? `${name} (late)` : name, seconds }))),
    ],
    notes: [`To the users: ${over.message}`],
  };
}

/** Without what is told for the record, and what waits for one word among what is switched off. */
function toLookAt(configuration: HandOver["configuration"]): NonNullable<HandOver["configuration"]>["rows"] {
  return (configuration?.rows ?? []).filter(({ next }) => next !== nothingToDo && next !== whenLive);
}

function migrationsTold({ migrated }: HandOver): string {
  if (migrated === null) return "not looked at";
  const { outcome, why, applied, own } = migrated;
  const owns = own.map(({ table, before, after }) => `${table} from ${before} to ${after} rows`);
  return outcome === "none" ? `none: ${why}` : [`${countOf(applied.length, "file")} applied`, ...owns].join(", ");
}

function configurationTold({ configuration }: HandOver): string {
  if (configuration === null) return "not carried";
  const { why, counts } = configuration;
  if (why !== null) return `none: ${why}`;
  const { carried, already, listed, refused } = counts;
  const looked = toLookAt(configuration).filter(({ outcome }) => outcome === "listed").length;
  const waiting = configuration.rows.filter(({ next }) => next === whenLive).length;
  const rest = listed - looked - waiting;
  return [
    `${countOf(carried, "setting")} carried and read back`,
    ...[`${already} were so already`, `${looked} to look at`, `${waiting} wait to be switched on`],
    ...[`${rest} are this project's own`, `${refused} refused`],
  ].join(", ");
}

function sentenceOf(
  { outcome, wrong, unproven, checks, seconds, off, human, promise }: HandOver,
  place: string,
): string {
  const took = `after ${formatDuration(seconds * 1000)} and ${countOf(human.length, "action")} of people`;
  const late = promise.met ? "" : ` That is PAST THE PROMISE of ${formatDuration(promise.rtoMinutes * 60_000)}.`;
  const rest = off.length === 0 ? late : `${late} ${countOf(off.length, "thing")} that may speak to others stayed off.`;
  switch (outcome) {
    case "recovered":
      return `Recovered into ${place} ${took}: equal to the set, ${countOf(checks.length, "check")} of the application passed.${rest}`;
    case "unproven":
      return `Restored into ${place} ${took}: equal to the set. Whether the application works is UNPROVEN: ${few(unproven, 3, "; ")}.${rest}`;
    case "differs":
      return `Brought back into ${place} ${took}, and ${countOf(wrong.length, "thing")} NOT as it was: do not put it into service before each is understood.${rest}`;
  }
}

/** What would be done, before anything is. */
export function rehearsalPage(plan: LossPlan, phases: readonly Phase<LossWork>[], unfinished: string | null): Page {
  const { project, candidates } = plan;
  const usually = phases.reduce((sum, { usuallySeconds }) => sum + usuallySeconds, 0);
  const where =
    project === null
      ? "the target that was named"
      : `a new project in ${project.region}${project.size === null ? "" : ` of size ${project.size}`} with ${project.diskGigabytes} GB${project.dollars === null ? "" : `, about $${project.dollars.toFixed(2)} a month`}`;
  const first = candidates[0];
  return {
    title: "Rehearsal of a recovery",
    sentence: `Nothing was written. Set ${first?.set} would come back into ${where}, usually within ${formatDuration(usually * 1000)}.${unfinished === null ? "" : ` Recovery ${unfinished} is unfinished: a run takes it up.`}`,
    tables: [
      {
        title: "Sets, in the order in which they are tried",
        header: ["set", "tier", "why", "archived"],
        rows: candidates.map(({ set, tier, why, archived }) => [set, tier, why, archived ? "yes: thawed first" : "no"]),
      },
      {
        title: "Phases",
        header: ["phase", "does", "waits for", "usually", "has at most", "then"],
        rows: phases.map(({ name, does, waitsFor, usuallySeconds, deadlineSeconds, whenLate }) => [
          ...[name, does, waitsFor, formatDuration(usuallySeconds * 1000), formatDuration(deadlineSeconds * 1000)],
          whenLate,
        ]),
      },
    ],
    notes: [
      `Everything as of ${formatInstant(plan.snapshotAt)}: what was done after that is lost.`,
      plan.migrations === null
        ? "Which migrations are applied only the restored database can tell."
        : `Migrations to be applied: ${plan.migrations.length === 0 ? "none" : few(plan.migrations)}.`,
    ],
  };
}
