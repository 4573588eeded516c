import { countOf, few, formatDuration } from "../../base/measures.ts";
import type { DrillProof, DrillScenario } from "../../vault/format/proof.ts";
import { isUnasked } from "../configuration/trial-rules.ts";
import type { Carried, LossFacts, Migrated, Restored } from "../recover/complete-loss/facts.ts";
import type { SabotageResult } from "./sabotage.ts";

export interface DrillFindings {
  readonly scenario: DrillScenario;
  /** What broke a phase: its code and words; undefined: all ended well. */
  readonly broke: { readonly code: string; readonly message: string } | undefined;
  readonly restored: Restored | null;
  readonly checks: readonly { readonly name: string; readonly outcome: string; readonly finding: string }[] | null;
  readonly configuration: Carried | null;
  readonly migrated: Migrated | null;
  readonly tried: LossFacts["tried"];
  /** Which keeps its own settings. */
  readonly inStaging: boolean;
  readonly sabotage: SabotageResult | null;
  readonly lost: DrillProof["lost"];
  readonly machineSeconds: number;
  readonly human: DrillProof["human"];
  readonly rtoMinutes: number;
  readonly rpoMinutes: number;
  /** What could not be cleared away, in words; undefined: nothing is left. */
  readonly left: string | undefined;
}

interface DrillVerdict {
  readonly outcome: "proven" | "failed";
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
  readonly code: string | null;
}

/** What all findings together mean, the gravest first. Pure. */
export function judgeDrill(found: DrillFindings): DrillVerdict {
  const failures = [
    ...sabotageFailures(found),
    ...leftFailures(found),
    ...comeBackFailures(found),
    ...settingFailures(found),
    ...checkFailures(found),
    ...timeFailures(found),
  ];
  return {
    outcome: failures.length === 0 ? "proven" : "failed",
    failures: failures.map(({ words }) => words),
    warnings: warningsOf(found),
    code: failures[0]?.code ?? null,
  };
}

interface Failure {
  readonly code: string;
  readonly words: string;
}

function sabotageFailures({ sabotage, broke }: DrillFindings): Failure[] {
  if (sabotage === null)
    return broke === undefined
      ? [{ code: "drill-failed", words: "whether a sabotaged set is refused was not tried" }]
      : [];
  if (sabotage.refusedBy !== null) return [];
  const words = `a set with a ${sabotage.kind} (seed ${sabotage.seed}) was accepted: no restore can be believed`;
  return [{ code: "sabotage-accepted", words }];
}

function leftFailures({ left }: DrillFindings): Failure[] {
  return left === undefined ? [] : [{ code: "drill-left", words: left }];
}

function comeBackFailures({ broke, restored }: DrillFindings): Failure[] {
  if (broke !== undefined) return [{ code: broke.code, words: broke.message }];
  if (restored === null) return [{ code: "drill-failed", words: "nothing came back" }];
  const { outcome, differences, files } = restored;
  return [
    ...(outcome === "equal"
      ? []
      : [
          {
            code: outcome === "differs" ? "restore-differs" : "restore-unverified",
            words: `${countOf(differences.failed, "thing")} ${differences.failed === 1 ? "differs" : "differ"} from the set and ${differences.unverified} could not be verified`,
          },
        ]),
    ...(files === null || files.outcome === "equal" || files.outcome === "sampled"
      ? []
      : [{ code: "drill-files", words: `files: ${files.sentence}` }]),
  ];
}

function settingFailures({ configuration, migrated, tried }: DrillFindings): Failure[] {
  const refused = configuration?.counts.refused ?? 0;
  return [
    ...(refused === 0
      ? []
      : [
          { code: "drill-configuration", words: `${countOf(refused, "setting")} of the project could not be put back` },
        ]),
    ...(tried ?? [])
      .filter(({ outcome }) => outcome === "failed")
      .map(({ what, why }) => ({ code: "drill-tried", words: `tried at the new project, ${what}: ${why}` })),
    ...(migrated?.outcome === "doubtful"
      ? [
          {
            code: "drill-migrations",
            words: `the schema is not known to be today's: ${few(migrated.findings, 3, "; ")}`,
          },
        ]
      : []),
  ];
}

function checkFailures({ checks, broke }: DrillFindings): Failure[] {
  if (checks === null) return broke === undefined ? [{ code: "drill-failed", words: "no check was run" }] : [];
  return checks
    .filter(({ outcome }) => outcome !== "passed")
    .map(({ name, outcome, finding }) => ({ code: "drill-check", words: `check ${name}: ${outcome}: ${finding}` }));
}

/** Point-in-time recovery is what the two minutes of a database failure stand on; this drill plays what is left without it. */
const lossIsKnown: ReadonlySet<DrillScenario> = new Set(["database-failure"]);

function timeFailures(found: DrillFindings): Failure[] {
  const { broke, restored, machineSeconds, human, rtoMinutes, rpoMinutes, lost, scenario } = found;
  if (broke !== undefined || restored === null) return [];
  const taken = machineSeconds / 60 + (human?.minutes ?? 0);
  const late = taken > rtoMinutes;
  const lostTooMuch = lost.seconds > rpoMinutes * 60 && !lossIsKnown.has(scenario);
  return [
    ...(late
      ? [
          {
            code: "drill-late",
            words: `it took ${span(taken * 60)}${handsOf(found)}, and ${span(rtoMinutes * 60)} are promised`,
          },
        ]
      : []),
    ...(lostTooMuch
      ? [
          {
            code: "drill-lost",
            words: `${span(lost.seconds)} of work were lost, and ${span(rpoMinutes * 60)} are promised`,
          },
        ]
      : []),
  ];
}

function handsOf({ human }: DrillFindings): string {
  return human === null ? "" : ` with ${span(human.minutes * 60)} of people's work`;
}

function warningsOf({
  human,
  restored,
  lost,
  scenario,
  rpoMinutes,
  checks,
  configuration,
  tried,
  inStaging,
}: DrillFindings): string[] {
  return [
    ...(human === null
      ? [
          "What people do by hand was never measured, and is not in the time: time it, and give it to the next drill (--human-minutes).",
        ]
      : []),
    ...(restored !== null && restored.files === null
      ? ["Files did not come back: their vault, or staging's Storage, is not set."]
      : []),
    ...(inStaging
      ? [
          "The project's settings were neither put back nor tried: staging keeps its own. A project of the drill's own shows that (drill.organization).",
        ]
      : configuration?.why == null
        ? []
        : [`The project's settings were not put back: ${configuration.why}`]),
    ...(tried ?? []).filter(isUnasked).map(({ what, why }) => `Not tried at the new project, ${what}: ${why}.`),
    ...(lost.rows === null
      ? ["Lost rows were not counted: no source is set (DATABASE_URL), or it did not answer in time."]
      : []),
    ...(lossIsKnown.has(scenario) && lost.seconds > rpoMinutes * 60
      ? [
          `Without point-in-time recovery ${span(lost.seconds)} of work are lost; ${span(rpoMinutes * 60)} are promised.`,
        ]
      : []),
    ...(checks?.length === 0 ? ["The policy has no checks of the application: whether it works is unproven."] : []),
    ...(restored?.passedOver ?? []).map(({ set, why }) => `Set ${set} was passed over: ${why}`),
  ];
}

/** As pages and verdicts of drills tell it. */
export function span(seconds: number): string {
  return formatDuration(seconds * 1000);
}
