import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { withClient } from "../../test/lab/index.ts";
import { type Measured, measure } from "./measured-run.ts";
import { has, type Stage, writeLocalDump } from "./stage.ts";

/** What one run took, and its parts where they are told apart. */
export interface Round extends Measured {
  /** Seconds by stage. */
  readonly parts?: Readonly<Record<string, number>>;
  /** In the set that was made. */
  readonly objects?: number;
}

/** One way to do it, run once a round. */
export interface Contestant {
  readonly id: string;
  /** As the table names it. */
  readonly title: string;
  readonly group: "backup" | "restore" | "verify" | "compare";
  readonly ours: boolean;
  /** Of the same group: what the ratios are to. */
  readonly yardstick: boolean;
  run(): Promise<Round>;
}

export interface Field {
  readonly contestants: readonly Contestant[];
  /** Who is missing, and why. */
  readonly missing: readonly string[];
}

const here = new URL(".", import.meta.url).pathname;
/** What `npx lifeboat` starts. */
const cli = join(here, "..", "lifeboat.mjs");
const daily = [cli, "backup", "--tier", "daily", "--json"];

/** Everybody who can run on this machine. The order within a group is that of the table. */
export async function gather(stage: Stage): Promise<Field> {
  const { aws, gpg, missing } = await rivalsPrograms();
  return {
    missing,
    contestants: [
      pgDump(stage, "read-limit", "pg_dump -Fc -Z0 to nothing", ["-Fc", "-Z0"], true),
      set(stage),
      ...(gpg ? [gpgPipe(stage, "-Fc -Zzstd:3")] : []),
      ...(aws ? [seedsWay(stage)] : []),
      {
        ...ours(stage, "verify", "verify --deep of the daily set", [cli, "verify", "latest", "--deep"]),
        group: "verify",
      },
      await pgRestore(stage, 2),
      restore(stage),
      copyTable(stage),
      compareTable(stage, "equal"),
      compareTable(stage, "changed"),
    ],
  };
}

/** Everybody who is measured over a link; with very many tables only those whom an hour is enough for. */
export async function gatherOverLink(stage: Stage, shape: "large" | "many"): Promise<Field> {
  const { gpg, missing } = await rivalsPrograms();
  const dump = pgDump(stage, "dump", "pg_dump -Fc to nothing", ["-Fc"], true);
  const both = [dump, set(stage), await pgRestore(stage, 4), restore(stage)];
  if (shape === "many") return { contestants: both, missing: [] };
  const rivals = [
    pgDump(stage, "dump-z0", "pg_dump -Fc -Z0 to nothing", ["-Fc", "-Z0"], false),
    directoryDump(stage),
    ...(gpg ? [gpgPipe(stage, "-Fc")] : []),
  ];
  return { contestants: [...both.slice(0, 2), ...rivals, ...both.slice(2)], missing };
}

async function rivalsPrograms(): Promise<{ aws: boolean; gpg: boolean; missing: string[] }> {
  const [aws, gpg] = await Promise.all([has("aws"), has("gpg")]);
  const missing = [
    ...(aws ? [] : ["no aws on this machine: those who need it are left out"]),
    ...(gpg ? [] : ["no gpg on this machine: the gpg pipe is left out"]),
  ];
  return { aws, gpg: aws && gpg, missing };
}

function pgDump(
  { binDir, source, servers, through }: Stage,
  id: string,
  title: string,
  args: readonly string[],
  yardstick: boolean,
): Contestant {
  return {
    ...{ id, title, group: "backup", ours: false, yardstick },
    run: () =>
      measure({
        program: join(binDir, "pg_dump"),
        args: [...args, "--no-sync", "-f", "/dev/null", "-d", through(source.superuserUrl)],
        servers,
      }),
  };
}

function ours(stage: Stage, id: string, title: string, args: readonly string[]): Contestant {
  return {
    ...{ id, title, group: "backup", ours: true, yardstick: false },
    run: () => measure({ program: process.execPath, args, env: stage.settings, servers: stage.servers }),
  };
}

function set(stage: Stage): Contestant {
  const contestant = ours(stage, "set", "daily set, with fingerprints", daily);
  return {
    ...contestant,
    async run() {
      const run = await contestant.run();
      const { counts } = JSON.parse(run.stdout) as { counts: { objects: number | string } };
      return { ...run, parts: stageSeconds(run.stdout), objects: Number(counts.objects) };
    },
  };
}

/** A line of shell; a failure anywhere in a pipe counts. */
function shell(stage: Stage, line: string): Promise<Measured> {
  const folder = join(stage.folder, "rival");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "gnupg"), { recursive: true, mode: 0o700 });
  const { settings, through, source, binDir: BIN } = stage;
  return measure({
    program: "bash",
    args: ["-e", "-o", "pipefail", "-c", line],
    env: { ...settings, URL: through(source.superuserUrl), BIN, GNUPGHOME: join(folder, "gnupg") },
    cwd: folder,
    servers: stage.servers,
  });
}

/** @param form of the dump */
function gpgPipe(stage: Stage, form: string): Contestant {
  const key = operationsKey(stage);
  const gpg = `gpg --batch --quiet --trust-model always -z 0 --recipient-file '${key}' --encrypt`;
  return {
    ...{ id: "gpg-pipe", title: `pg_dump ${form} | gpg | aws s3 cp -` },
    ...{ group: "backup", ours: false, yardstick: false },
    run: () => shell(stage, `"$BIN/pg_dump" ${form} -d "$URL" | ${gpg} | aws s3 cp --quiet - s3://rivals/pipe`),
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

function directoryDump(stage: Stage): Contestant {
  return {
    ...{ id: "dump-j4", title: "pg_dump -Fd -j4 to a local folder" },
    ...{ group: "backup", ours: false, yardstick: false },
    run: () => shell(stage, '"$BIN/pg_dump" -Fd -j4 --no-sync -f dump -d "$URL"'),
  };
}

async function pgRestore(stage: Stage, jobs: number): Promise<Contestant> {
  const file = await writeLocalDump(stage);
  return {
    ...{ id: "pg-restore", title: `pg_restore -j${jobs} from a local file` },
    ...{ group: "restore", ours: false, yardstick: true },
    async run() {
      const url = await stage.freshDatabase();
      await stage.settle();
      try {
        return await measure({
          program: join(stage.binDir, "pg_restore"),
          args: [`-j${jobs}`, "--no-owner", "-d", stage.through(url), file],
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
        const env = { ...stage.settings, TARGET_DATABASE_URL: stage.through(target.postgresUrl) };
        const args = [cli, "restore", "latest", "--json"];
        const run = await measure({ program: process.execPath, args, env, servers: stage.servers });
        return { ...run, parts: stageSeconds(run.stdout) };
      } finally {
        await stage.dropTargets();
      }
    },
  };
}

const table = "public.student_submissions";

function copyTable({ binDir, source, servers }: Stage): Contestant {
  const copy = `copy ${table} to stdout`;
  return {
    ...{ id: "copy", title: `COPY ${table} TO STDOUT`, group: "compare", ours: false, yardstick: true },
    run: () =>
      measure({
        program: "bash",
        args: ["-ec", `'${join(binDir, "psql")}' -Xqc '${copy}' -d "$URL" > /dev/null`],
        env: { URL: source.superuserUrl },
        servers,
      }),
  };
}

/** With the set that was made before: `--only set,copy,compare,compare-all`. */
function compareTable(stage: Stage, rows: "equal" | "changed"): Contestant {
  const of = rows === "equal" ? "no row differs" : "every row differs";
  const write = (shift: string) =>
    withClient(stage.source.superuserUrl, async (client) => {
      await client.query("set session_replication_role = replica; set statement_timeout = 0");
      await client.query(`update ${table} set submitted_at = submitted_at ${shift}`);
      await client.query(`vacuum ${table}`);
    });
  return {
    ...{ id: rows === "equal" ? "compare" : "compare-all", title: `compare latest, ${of}` },
    ...{ group: "compare", ours: true, yardstick: false },
    async run() {
      if (rows === "changed") await write("+ interval '1 second'");
      await stage.settle();
      const run = await measure({
        program: process.execPath,
        args: [cli, "compare", "latest", "--table", table, "--json"],
        env: { ...stage.settings, TARGET_DATABASE_URL: stage.source.postgresUrl },
        servers: stage.servers,
        alsoFine: rows === "equal" ? [] : [1],
      });
      if (rows === "changed") await write("- interval '1 second'");
      return run;
    },
  };
}

/** Seconds of each stage out of the command's `--json`. */
function stageSeconds(stdout: string): Record<string, number> {
  const result = JSON.parse(stdout) as { stages: { name: string; seconds: number }[] };
  return Object.fromEntries(result.stages.map(({ name, seconds }) => [name, seconds]));
}
