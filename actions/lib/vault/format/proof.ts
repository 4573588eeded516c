import { z } from "zod";
import type { Scenario } from "../../config/policy/promises.ts";
import { bigCount, count, setId, sha256, tierSchema } from "./manifest.ts";

const seconds = z.number().nonnegative();
const milliseconds = z.number().nonnegative();

/** As what a restore test chose its set: by rotation, or because somebody named it. */
const turnSchema = z.enum(["newest", "older", "archive", "named"]);
export type Turn = z.infer<typeof turnSchema>;

/** `timed-out` and `not-run` are no successes either: what was not shown does not hold. */
export const checkOutcomeSchema = z.enum(["passed", "failed", "timed-out", "not-run"]);
export type CheckOutcome = z.infer<typeof checkOutcomeSchema>;

const checkSchema = z.strictObject({
  /** As the policy calls it. */
  name: z.string(),
  kind: z.enum(["sql", "rls", "http", "command"]),
  outcome: checkOutcomeSchema,
  seconds,
});

const measuredQuerySchema = z.strictObject({
  name: z.string(),
  kind: z.enum(["query", "lookup"]),
  /** SHA-256 of the query's text: one that was changed is another, and is not compared with its former self. */
  sha256,
  runs: count,
  p50Ms: milliseconds,
  p95Ms: milliseconds,
  /** Names of the indexes that the plan used, sorted. */
  indexes: z.array(z.string()),
  /** `first`: there was nothing to compare with. `failed`: it could not be run to its end. */
  verdict: z.enum(["as-before", "slower", "first", "failed"]),
});
export type MeasuredQuery = z.infer<typeof measuredQuerySchema>;

/** What a drill can play, as `lifeboat recover` calls it. */
export const drillScenarios = ["complete-loss", "regional-disaster", "database-failure"] as const;
export type DrillScenario = (typeof drillScenarios)[number];

/** The one thing that is changed in a copy of the set, which must then be refused. */
export const sabotages = [
  "manifest byte",
  "swapped artifacts",
  "missing part",
  "foreign signature",
  "rewritten keys",
] as const;
export type Sabotage = (typeof sabotages)[number];

const minutes = z.number().nonnegative();

/** What a drill adds: how long a recovery took with everything that belongs to it, and what would have been lost. */
const drillSchema = z.strictObject({
  scenario: z.enum(drillScenarios),
  /** The scenario's promise at that time. */
  rtoMinutes: minutes,
  /** From the moment of the loss until the application was checked. */
  machineSeconds: seconds,
  /** What people do by hand in such a recovery, in minutes, and when somebody measured it; null: nobody ever has. */
  human: z.strictObject({ minutes, measuredAt: z.iso.datetime() }).nullable(),
  /** In order. */
  phases: z.array(z.strictObject({ name: z.string(), seconds, late: z.boolean() })),
  lost: z.strictObject({
    /** From the set's data to the moment of the loss. */
    seconds,
    /** At the source and not in the set; null: the source was not asked, or did not say. */
    rows: count.nullable(),
    files: count.nullable(),
    /** Sentinels among what is lost, one a minute up to the loss; null: the source has none. Older proofs do not say. */
    sentinels: count.nullable().optional(),
    /** `sentinels`: rows that the database writes each minute say it themselves. `times`: of the set and of the drill. */
    measuredBy: z.enum(["sentinels", "times"]),
  }),
  /** Whether files came back, too. */
  withFiles: z.boolean(),
  /** Fields of the project's configuration by what became of them; null: the set holds none, or there was nowhere to put them. */
  configuration: z.record(z.string(), count).nullable(),
  migrations: count.nullable(),
  sabotage: z.strictObject({
    kind: z.enum(sabotages),
    /** Of the choice, 8 hex digits. */
    seed: z.string(),
    refused: z.boolean(),
  }),
  /** Why it failed, a sentence each. */
  failures: z.array(z.string().max(1000)).max(100),
  /** What people do in such a recovery and a drill cannot, a sentence each. */
  byHand: z.array(z.string().max(1000)).max(100),
  /** A new project: what it cost, in US dollars; null: the drill was played in staging. */
  dollars: z.number().nonnegative().nullable(),
});
export type DrillProof = z.infer<typeof drillSchema>;

/** What one restore test found out about one set. Names, counts, times and verdicts; never a row's value. */
export const proofSchema = z.strictObject({
  format: z.literal("lifeboat-proof/1"),
  /** `<UTC time>-<8 hex>` of the test. */
  proof: setId,
  set: setId,
  tier: tierSchema,
  /** Of the stored bytes of `manifest.json`: the proof is about this very set. */
  manifestSha256: sha256,
  /** When the set's data was read at the source. */
  snapshotAt: z.iso.datetime(),
  turn: turnSchema,
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  /** Only `proven` makes the set proven. */
  outcome: z.enum(["proven", "failed", "unverified"]),
  target: z.strictObject({
    name: z.string(),
    projectRef: z.string(),
    kind: z.enum(["supabase", "plain"]),
    serverVersion: z.string(),
  }),
  software: z.strictObject({ lifeboat: z.string(), node: z.string() }),
  counts: z.strictObject({
    objects: count,
    tables: count,
    rows: bigCount,
    foreignKeysChecked: count,
    /** `pg_database_size` of the restored database. */
    databaseBytes: bigCount,
    /** Sealed bytes of the set that the restore had to fetch. */
    storedBytes: bigCount,
  }),
  /** How many differences of each verdict the comparison found. */
  differences: z.strictObject({ failed: count, expected: count, unverified: count }),
  /** The storage files of the set against the rows of `storage.objects`; null while there is nothing to compare with. */
  files: z
    .strictObject({
      /** Id of the snapshot of the files, and whether it was read together with the set, before it or after. */
      snapshot: setId,
      fit: z.enum(["same", "earlier", "later"]),
      compared: count,
      /** Rows without their file and files without a row, those apart of which the snapshot says so itself. */
      missing: count,
      /** Other size or eTag. */
      different: count,
    })
    .nullable(),
  checks: z.array(checkSchema),
  performance: z.array(measuredQuerySchema),
  /** The defect that was planted to see whether the proof finds it; null when the test never came so far. */
  defect: z
    .strictObject({
      kind: z.string(),
      /** Of the choice, 8 hex digits: `--seed` repeats it. */
      seed: z.string(),
      /** `blamed-others`: found, but so was something that was not planted. */
      outcome: z.enum(["found", "missed", "blamed-others"]),
    })
    .nullable(),
  /** In order. */
  stages: z.array(z.strictObject({ name: z.string(), seconds })),
  /** From the first byte of the set to the end of the comparison: what a recovery of this set takes. */
  restoreSeconds: seconds,
  totalSeconds: seconds,
  /** The test was a drill. */
  drill: drillSchema.optional(),
});
export type Proof = z.infer<typeof proofSchema>;

/** As the policy's promises call it. */
export const promiseOf: Readonly<Record<DrillScenario, Scenario>> = {
  "complete-loss": "completeLoss",
  "regional-disaster": "regionalDisaster",
  "database-failure": "databaseFailure",
};

/** How long a recovery took when it was last played. */
export interface PlayedRecovery {
  readonly scenario: Scenario;
  /** ISO 8601. */
  readonly at: string;
  /** By machines and, as far as somebody has measured that, by people. */
  readonly minutes: number;
  readonly withFiles: boolean;
  readonly withPeople: boolean;
}

/** Of each scenario the newest drill that went well. @param proofs oldest first */
export function playedRecoveries(proofs: readonly Pick<Proof, "drill" | "outcome" | "finishedAt">[]): PlayedRecovery[] {
  const newest = new Map<Scenario, PlayedRecovery>();
  for (const { drill, outcome, finishedAt: at } of proofs) {
    if (drill === undefined || outcome !== "proven") continue;
    const { human, machineSeconds, withFiles } = drill;
    const scenario = promiseOf[drill.scenario];
    const minutes = machineSeconds / 60 + (human?.minutes ?? 0);
    newest.set(scenario, { scenario, at, minutes, withFiles, withPeople: human !== null });
  }
  return [...newest.values()];
}

/** `proofs/<set>/`, where all proofs of one set lie. */
export function proofPrefix(set: string): string {
  return `proofs/${set}/`;
}
