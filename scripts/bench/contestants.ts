import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Measured, measure } from "./measured-run.ts";
import { bareBucket, has, type Stage, writeLocalDump } from "./stage.ts";

/** One way to do it, run once a round. */
export interface Contestant {
  readonly id: string;
  /** As the table names it. */
  readonly title: string;
  readonly group: "backup" | "restore" | "verify";
  readonly ours: boolean;
  /** Of the same group: what the ratios are to. */
  readonly yardstick: boolean;
  /** Several figures when a run has parts that are told apart. */
  run(): Promise<Measured & { readonly parts?: Readonly<Record<string, number>> }>;
}

export interface Field {
  readonly contestants: readonly Contestant[];
  /** Who is missing, and why. */
  readonly missing: readonly string[];
}

const here = new URL(".", import.meta.url).pathname;
/** What `npx lifeboat` starts. */
const cli = join(here, "..", "lifeboat.mjs");

/** Everybody who can run on this machine. The order within a group is that of the table. */
export async function gather(stage: Stage): Promise<Field> {
  const [aws, gpg] = await Promise.all([has("aws"), has("gpg")]);
  const missing = [
    ...(aws ? [] : ["no aws on this machine: the gpg pipe and the seed's way are left out"]),
    ...(gpg ? [] : ["no gpg on this machine: the gpg pipe is left out"]),
  ];
  const rivals = [...(aws && gpg ? [gpgPipe(stage)] : []), ...(aws ? [seedsWay(stage)] : [])];
  return {
    missing,
    contestants: [
      readLimit(stage),
      ours(stage, "set", "daily set, with fingerprints", [cli, "backup", "--tier", "daily"]),
      ours(stage, "bare", "the same without fingerprints", [join(here, "backup-without-fingerprints.mjs")], bareBucket),
      ...rivals,
      {
        ...ours(stage, "verify", "verify --deep of the daily set", [cli, "verify", "latest", "--deep"]),
        group: "verify",
      },
      await pgRestore(stage),
      restore(stage),
    ],
  };
}

function readLimit({ binDir, source, servers }: Stage): Contestant {
  return {
    ...{ id: "read-limit", title: "read limit: pg_dump -Fc -Z0 to nothing" },
    ...{ group: "backup", ours: false, yardstick: true },
    run: () =>
      measure({
        program: join(binDir, "pg_dump"),
        args: ["-Fc", "-Z0", "--no-sync", "-f", "/dev/null", "-d", source.superuserUrl],
        servers,
      }),
  };
}

function ours(stage: Stage, id: string, title: string, args: readonly string[], vault?: string): Contestant {
  const env = { ...stage.settings, ...(vault === undefined ? {} : { S3_BACKUP_BUCKET: vault }) };
  return {
    ...{ id, title, group: "backup", ours: true, yardstick: false },
    run: () => measure({ program: process.execPath, args, env, servers: stage.servers }),
  };
}

/** A line of shell; a failure anywhere in a pipe counts. */
function shell(stage: Stage, line: string): Promise<Measured> {
  const folder = join(stage.folder, "rival");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "gnupg"), { recursive: true, mode: 0o700 });
  return measure({
    program: "bash",
    args: ["-e", "-o", "pipefail", "-c", line],
    env: { ...stage.settings, URL: stage.source.superuserUrl, BIN: stage.binDir, GNUPGHOME: join(folder, "gnupg") },
    cwd: folder,
    servers: stage.servers,
  });
}

function gpgPipe(stage: Stage): Contestant {
  const key = operationsKey(stage);
  const gpg = `gpg --batch --quiet --trust-model always -z 0 --recipient-file '${key}' --encrypt`;
  return {
    ...{ id: "gpg-pipe", title: "pg_dump -Zzstd:3 | gpg | aws s3 cp -" },
    ...{ group: "backup", ours: false, yardstick: false },
    run: () => shell(stage, `"$BIN/pg_dump" -Fc -Zzstd:3 -d "$URL" | ${gpg} | aws s3 cp --quiet - s3://rivals/pipe`),
  };
}

/** The public half of one of the keys that our own sets are sealed to. */
function operationsKey({ folder }: Stage): string {
  const keys = join(folder, "checkout", ".github", "keys");
  return join(keys, readdirSync(keys).find((name) => name.includes("operations")) ?? "");
}

function seedsWay(stage: Stage): Contestant {
  const line =
    '"$BIN/pg_dump" -d "$URL" -f database.sql; tar -czf database.tar.gz database.sql; aws s3 cp --quiet database.tar.gz s3://rivals/seed';
  return {
    ...{ id: "seed", title: "pg_dump, tar.gz, aws s3 cp (not sealed)" },
    ...{ group: "backup", ours: false, yardstick: false },
    run: () => shell(stage, line),
  };
}

async function pgRestore(stage: Stage): Promise<Contestant> {
  const file = await writeLocalDump(stage);
  return {
    ...{ id: "pg-restore", title: "pg_restore -j2 from a local file" },
    ...{ group: "restore", ours: false, yardstick: true },
    async run() {
      const url = await stage.freshDatabase();
      await stage.settle();
      try {
        return await measure({
          program: join(stage.binDir, "pg_restore"),
          args: ["-j2", "--no-owner", "-d", url, file],
          servers: stage.servers,
          alsoFine: [1], // `public` exists already, which it counts as an error
        });
      } finally {
        await stage.dropTargets();
      }
    },
  };
}

function restore(stage: Stage): Contestant {
  return {
    ...{ id: "restore", title: "restore, equal", group: "restore", ours: true, yardstick: false },
    async run() {
      const target = await stage.freshTarget();
      await stage.settle();
      try {
        const env = { ...stage.settings, TARGET_DATABASE_URL: target.postgresUrl };
        const args = [cli, "restore", "latest", "--json"];
        const run = await measure({ program: process.execPath, args, env, servers: stage.servers });
        return { ...run, parts: stageSeconds(run.stdout) };
      } finally {
        await stage.dropTargets();
      }
    },
  };
}

/** Seconds of each stage out of the command's `--json`. */
function stageSeconds(stdout: string): Record<string, number> {
  const result = JSON.parse(stdout) as { stages: { name: string; seconds: number }[] };
  return Object.fromEntries(result.stages.map(({ name, seconds }) => [name, seconds]));
}
