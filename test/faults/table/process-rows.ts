import { setTimeout as delay } from "node:timers/promises";
import { LAB_PASSWORD, urlFor } from "../../lab/index.ts";
import { sharedS3 } from "../../lab/servers/started.ts";
import type { Matching } from "../proxy/http-faults.ts";
import type { ProcessInjection, ProcessRow, ProcessScene } from "./process-scene.ts";
import type { Outcome } from "./row.ts";

/** The store sees these requests as each stage begins; the process waits for their answer when it is killed. */
const backupStages = {
  preflight: { method: "HEAD" },
  keys: { method: "PUT", url: /\/keys\.pgp/ },
  data: { method: "PUT", url: /\/data\// },
  "read-back": { method: "GET", url: /\/data\/.*x-id=GetObject/ },
  publish: { method: "PUT", url: /\/manifest\.json(\?(?!retention)|$)/ },
  lock: { method: "PUT", url: /[?&]retention/ },
} as const satisfies Record<string, Matching>;

const restoreStages = {
  "restore-open": { method: "GET", url: /\/manifest\.json(\?|$)/ },
  verify: { method: "GET", url: /\/data\// },
  "restore-schema": { method: "GET", url: /\/schema\.dump/, nth: 2 },
  "restore-data": { method: "GET", url: /\/data\/01/, nth: 2 },
} as const satisfies Record<string, Matching>;

const backup = ["backup", "--tier", "daily"];

function killed(
  signal: NodeJS.Signals,
  stage: string,
  args: readonly string[],
  on: Matching,
  outcome: Outcome = "died, nothing half-made",
): ProcessRow {
  return {
    ...{ kind: `process ended by ${signal}`, stage, outcome },
    inject: ({ backups }) => {
      const trap = backups.store.hold(on);
      const end = async (kill: (signal: NodeJS.Signals) => void): Promise<void> => {
        await trap.hit;
        kill(signal);
        await delay(300);
        trap.release();
      };
      return { args, onStart: (kill) => void end(kill), hit: () => trap.hits > 0 };
    },
  };
}

type Change = (scene: ProcessScene) => Readonly<Record<string, string>>;

function configured(kind: string, stage: string, outcome: Outcome, env: Change, args = backup): ProcessRow {
  return {
    ...{ kind, stage, outcome },
    inject: (scene): ProcessInjection => ({ args, env: env(scene), hit: () => true }),
  };
}

const clock = new URL("clock-of-tomorrow.ts", import.meta.url).href;
const hours =
  (count: number): Change =>
  () => ({
    NODE_OPTIONS: `--import ${clock}`,
    LAB_CLOCK_HOURS: String(count),
  });

export const processRows: readonly ProcessRow[] = [
  // Behind each single write of a backup: backup-killed.test.ts.
  ...(["publish", "data", "read-back", "lock", "preflight"] as const).map((stage) =>
    killed("SIGKILL", stage, backup, backupStages[stage]),
  ),
  ...(["publish", "data", "keys"] as const).map((stage) => killed("SIGTERM", stage, backup, backupStages[stage])),
  // The set is published: what is left of the run is seconds, and worth more than ending at once.
  killed("SIGTERM", "lock", backup, backupStages.lock, "success"),
  ...Object.entries(restoreStages).map(([stage, on]) =>
    killed(
      "SIGKILL",
      stage,
      ["restore", "latest"],
      on,
      stage === "restore-data" ? "fails, then resumes and proves" : "refused, target untouched",
    ),
  ),
  killed(
    "SIGTERM",
    "restore-data",
    ["restore", "latest"],
    restoreStages["restore-data"],
    "fails, then resumes and proves",
  ),
  configured("clock a day ahead", "preflight", "refused before writing", hours(24)),
  configured("clock a day behind", "preflight", "refused before writing", hours(-24)),
  configured("memory limit of 12 MB", "whole run", "died, nothing half-made", () => ({
    NODE_OPTIONS: "--max-old-space-size=12 --max-semi-space-size=1",
  })),
  configured("memory limit of 64 MB", "whole run", "success", () => ({ NODE_OPTIONS: "--max-old-space-size=64" })),
  configured("host name of the store does not resolve", "preflight", "refused before writing", () => ({
    AWS_ENDPOINT_URL: "http://store.of.nobody.invalid:8333",
  })),
  configured("host name of the database does not resolve", "preflight", "refused before writing", () => ({
    DATABASE_URL: `postgres://postgres:${LAB_PASSWORD}@database.of.nobody.invalid:5432/postgres`,
  })),
  configured("bucket does not exist", "preflight", "refused before writing", () => ({
    S3_BACKUP_BUCKET: "bucket-of-nobody",
  })),
  {
    ...{ kind: "bucket that cannot lock objects", stage: "preflight", outcome: "refused before writing" },
    inject: async (): Promise<ProcessInjection> => {
      const bucket = `unlocked-${process.pid}-${Date.now()}`;
      await sharedS3().createBucket(bucket, { lock: false });
      return { args: backup, env: { S3_BACKUP_BUCKET: bucket }, hit: () => true };
    },
  },
  configured("wrong credentials", "preflight", "refused before writing", () => ({
    AWS_SECRET_ACCESS_KEY: "not-the-secret",
  })),
  configured("no pg_dump", "preflight", "refused before writing", () => ({ LIFEBOAT_PG_BIN: "/nowhere" })),
  configured(
    "target does not exist",
    "restore-open",
    "refused, target untouched",
    ({ backups }) => ({
      TARGET_DATABASE_URL: urlFor(backups.url, { database: "never_made" }),
    }),
    ["restore", "latest"],
  ),
];
