import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { renderText } from "../actions/lib/report/page.ts";
import { formatBytes } from "../actions/lib/runtime/measures.ts";
import { createProject, dropProject, dropQimmaRoles, seedQimma, withClient } from "../test/lab/index.ts";
import { startGuardian } from "../test/lab/servers/guardian.ts";
import { startPostgres } from "../test/lab/servers/postgres.ts";
import { startS3 } from "../test/lab/servers/s3.ts";
import { type Measured, measure } from "./bench/measured-run.ts";
import { becomeOwner, bucket } from "./demo/owner.ts";
import { parseSize } from "./demo/size.ts";

/**
 * `npm run bench [-- --size 200MB] [-- --runs 3]`: backup and restore from outside, as whole processes, beside what
 * reading the database costs at least (`pg_dump -Fc -Z0` to nowhere). Database, store and Lifeboat share this machine.
 */
const { values } = parseArgs({
  options: {
    size: { type: "string", default: "200MB" },
    runs: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
});
const bytes = parseSize(values.size) ?? 2e8;
const runs = Number(values.runs);
const cli = new URL("lifeboat.ts", import.meta.url).pathname;

const home = startGuardian("bench");
const [lost, other, s3] = await Promise.all([startPostgres(17), startPostgres(17), startS3()]);
try {
  await s3.createBucket(bucket);
  const owner = await becomeOwner(home.folder, s3);
  const source = await createProject(lost.superuserUrl(), "bench");
  console.error(`seeding about ${formatBytes(bytes)}`);
  await seedQimma(source.postgresUrl, { bytes, seed: 1 });
  const databaseBytes = await withClient(source.superuserUrl, async (client) => {
    const { rows } = await client.query<{ bytes: string }>("select pg_database_size(current_database()) as bytes");
    return Number(rows[0]?.bytes);
  });

  const tools = { LIFEBOAT_PG_BIN: lost.binDir, TMPDIR: home.folder };
  const settings = { ...owner.settings, ...tools, DATABASE_URL: source.backupUrl };
  const taken: Record<string, Measured[]> = {
    "read limit (pg_dump -Fc -Z0)": [],
    backup: [],
    "verify --deep": [],
    restore: [],
  };
  const note = (what: string, run: Measured): void => {
    taken[what]?.push(run);
    console.error(`${what}: ${run.seconds.toFixed(2)} s`);
  };
  for (let run = 1; run <= runs; run++) {
    const dump = ["-Fc", "-Z0", "-d", source.superuserUrl];
    note("read limit (pg_dump -Fc -Z0)", await measure(join(lost.binDir, "pg_dump"), dump, {}));
    note("backup", await measure(process.execPath, [cli, "backup", "--tier", "weekly"], settings));
    note("verify --deep", await measure(process.execPath, [cli, "verify", "latest", "--deep"], settings));
    const target = await createProject(other.superuserUrl(), `bench_${run}`);
    const into = { ...settings, TARGET_DATABASE_URL: target.postgresUrl };
    note("restore", await measure(process.execPath, [cli, "restore", "latest"], into));
    await dropProject(other.superuserUrl(), target.name);
    await dropQimmaRoles(other.superuserUrl());
  }

  const limit = median((taken["read limit (pg_dump -Fc -Z0)"] ?? []).map(({ seconds }) => seconds));
  const rows = Object.entries(taken).map(([what, measured]) => {
    const seconds = median(measured.map((one) => one.seconds));
    const peakBytes = Math.max(...measured.map((one) => one.peakBytes));
    return { what, seconds, timesReadLimit: seconds / limit, bytesPerSecond: databaseBytes / seconds, peakBytes };
  });
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "?"}, PostgreSQL 17 and the store on the same machine`;
  if (values.json) console.log(JSON.stringify({ machine, databaseBytes, runs, results: rows }, null, 2));
  else {
    const page = {
      title: "Bench",
      sentence: `Database of ${formatBytes(databaseBytes)} (pg_database_size), median of ${runs}; ${machine}.`,
      tables: [
        {
          header: ["what", "wall", "× read limit", "database/s", "peak memory"],
          rows: rows.map((row) => [
            row.what,
            `${row.seconds.toFixed(2)} s`,
            row.timesReadLimit.toFixed(2),
            `${formatBytes(row.bytesPerSecond)}/s`,
            formatBytes(row.peakBytes),
          ]),
        },
      ],
    };
    console.log(renderText(page).join("\n"));
  }
} finally {
  await Promise.all([lost.stop(), other.stop(), s3.stop()]);
  await home.finish();
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
