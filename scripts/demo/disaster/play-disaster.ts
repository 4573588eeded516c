import { setTimeout as sleep } from "node:timers/promises";
import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { OperationError } from "../../../actions/lib/base/errors.ts";
import { countOf, few, formatBytes, formatDuration } from "../../../actions/lib/base/measures.ts";
import { loadConfig } from "../../../actions/lib/config/load.ts";
import { runOperation } from "../../../actions/lib/edge/run-operation.ts";
import { backupPage } from "../../../actions/lib/operations/backup/page.ts";
import { runBackup } from "../../../actions/lib/operations/backup/run-backup.ts";
import { pageOf, type Told } from "../../../actions/lib/operations/operation.ts";
import type { HandOver } from "../../../actions/lib/operations/recover/complete-loss/hand-over.ts";
import recover from "../../../actions/lib/operations/recover/operation.ts";
import { renderText } from "../../../actions/lib/report/page.ts";
import { promiseOf } from "../../../actions/lib/vault/format/proof.ts";
import { execute, type LabProject, withClient } from "../../../test/lab/index.ts";
import type { RunningStorage } from "../../../test/lab/storage/index.ts";
import { Acts } from "../acts.ts";
import { readFileContents } from "../files-opinion.ts";
import { differing, readContents } from "../second-opinion.ts";
import { clockLines, type DisasterClock, writeClockPage } from "./clock.ts";
import { putIntoEscrow } from "./put-into-escrow.ts";
import { type DisasterStage, regions, setDisasterStage } from "./stage.ts";

/** Disasters that the demo plays. */
export const disasters = ["database-failure", "complete-loss", "regional-disaster"] as const;
export type Disaster = (typeof disasters)[number];

/**
 * Loses a project, with its region where that is the disaster, and recovers it as a person would: by `lifeboat recover`, in a Supabase
 * that is simulated, with real databases and files behind it.
 *
 * @param bytes how large the database is @param pace how many times as fast the simulated Supabase is
 * @param opened told of everything that must be ended, the folder first @param folder where the page goes
 * @returns what there is to say at last; `proven` where all came back, by our own comparison too
 */
export async function playDisaster(
  { disaster, bytes, pace }: { readonly disaster: Disaster; readonly bytes: number; readonly pace: number },
  opened: (end: () => Promise<void>) => void,
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly proven: boolean; readonly lines: readonly string[] }> {
  const acts = new Acts(signal);
  const stage = await acts.act("start a Supabase that is simulated, and the vault", () =>
    setDisasterStage({ pace, archived: disaster === "database-failure" }, opened),
  );
  Object.assign(process.env, stage.owner.settings);
  const env = { ...process.env, ...stage.supabaseSettings };
  await acts.act(`seed Qimma's project, about ${formatBytes(bytes)}, and its files`, () => stage.seed(bytes));
  const before = await acts.act("read its contents, for a second opinion", () => contentsOf(stage.source, stage.files));
  const set = await acts.act("make a daily set with its files and the project's configuration", async () => {
    const needs = ["source", "vault", "signing", "storageVault", "sourceStorage"] as const;
    const config = await loadConfig({ needs, env: { ...env, ...stage.sourceSettings } });
    return runBackup({ config, tier: "daily", log: acts.log, signal, files: { config, log: acts.log } });
  });
  acts.tell(backupPage(set).sentence);
  await acts.act("put into escrow what Supabase never tells", () =>
    putIntoEscrow(stage, { env, log: acts.log, signal }),
  );
  const { inputs, more } = await strike(disaster, stage, acts);

  const told = await acts.act(`lifeboat recover ${disaster}`, () =>
    runOperation(recover, recover.inputs.parse(inputs), { env: { ...env, ...more }, log: acts.log, signal }),
  );
  const came = disaster === "database-failure" ? whatReturned(told, stage) : whatWasMade(told, stage, pace);
  const after = await acts.act("read the contents of what came back", () => contentsOf(came.project, came.files));
  const unlogged = disaster === "database-failure" ? await unloggedTables(came.project) : [];
  const compared = unlogged.filter((one) => before.tables.has(one));
  const different = [...differing(before.tables, after.tables), ...differing(before.files, after.files)].filter(
    (one) => !compared.includes(one),
  );
  const { policy } = await loadConfig({ needs: [], env });
  const { rtoMinutes } = policy.promises.scenarios[promiseOf[disaster]];
  const clock = { disaster, rtoMinutes, phases: came.phases, seconds: came.seconds };
  const page = pageOf(recover, told);
  const proven = came.recovered && different.length === 0;
  return {
    proven,
    lines: [
      ...acts.summary(),
      "",
      ...renderText(page),
      "",
      ...clockLines(clock),
      `The simulated Supabase is ${pace} times as fast as the real one was when it was measured: with its waits at their length about ${formatDuration(came.realSeconds * 1000)}, of ${formatDuration(rtoMinutes * 60_000)} promised.`,
      `Second opinion: ${different.length === 0 ? `all ${countOf(before.tables.size, "table")} hold the same rows, all ${countOf(before.files.size, "file")} the same bytes under the same metadata${compared.length === 0 ? "" : `, but for ${few(compared)}: unlogged, and so empty after every recovery by PostgreSQL's log`}` : `these differ: ${different.join(", ")}`}`,
      `The page: ${writeClockPage(clock, page, folder)}`,
      proven ? page.sentence : "What came back is NOT what was lost: see above.",
    ],
  };
}

/** Where everything is again, and how long it took. */
interface CameBack extends Pick<DisasterClock, "phases" | "seconds"> {
  readonly project: LabProject;
  readonly files: RunningStorage;
  /** By the verb's own word. */
  readonly recovered: boolean;
  /** With Supabase's waits as long as the real one's. */
  readonly realSeconds: number;
}

function whatWasMade({ result }: Told, { backing, supabase }: DisasterStage, pace: number): CameBack {
  const { project, phases, seconds, outcome } = result as HandOver;
  const { ref } = project;
  if (ref === null) throw new OperationError("demo-no-project", "The recovery made no project.");
  const made = supabase.world.projects.get(ref);
  const waited = Math.max(made?.database.startedAt ?? 0, made?.storage.slowUntil ?? 0) - (made?.createdAt ?? 0);
  return {
    ...{ project: backing.lab(ref), files: backing.storage(ref), recovered: outcome === "recovered" },
    ...{ phases, seconds, realSeconds: seconds + (Math.max(0, waited) * (pace - 1)) / 1000 },
  };
}

/** So many seconds the newest point of the real one was behind at most, when it was measured. */
const mostBehind = 121;

function whatReturned({ result }: Told, { source, files }: DisasterStage): CameBack {
  const { outcome, phases } = result as Pick<DisasterClock, "phases"> & { readonly outcome: string };
  const seconds = phases.reduce((sum, one) => sum + one.seconds, 0);
  return {
    ...{ project: source, files, recovered: outcome === "recovered" },
    ...{ phases, seconds, realSeconds: seconds + mostBehind },
  };
}

/** PostgreSQL's log does not have them. */
async function unloggedTables({ superuserUrl }: LabProject): Promise<string[]> {
  const { rows } = await withClient(superuserUrl, (client) =>
    client.query<{ name: string }>(
      "select relnamespace::regnamespace || '.' || relname as name from pg_class where relkind = 'r' and relpersistence = 'u'",
    ),
  );
  return rows.map(({ name }) => name);
}

async function contentsOf(...[project, storage]: Parameters<typeof readFileContents>) {
  const [tables, files] = await Promise.all([readContents(project.superuserUrl), readFileContents(project, storage)]);
  return { tables, files };
}

/** What happens, and what a person then asks for. */
async function strike(disaster: Disaster, stage: DisasterStage, acts: Acts) {
  if (disaster === "database-failure") {
    const { source, production, sourceSettings } = stage;
    // As cron writes one each minute: the last one before, and the first one after.
    const sentinel = () => execute(source.postgresUrl, "select lifeboat.write_sentinel()");
    await acts.act("wait for a good moment", sentinel);
    await sleep(1100);
    const at = new Date(Math.floor(Date.now() / 1000) * 1000).toISOString();
    await sleep(1100);
    await acts.act("delete all exams, and a file, by mistake", async () => {
      await execute(source.superuserUrl, "truncate public.exams cascade");
      const [file] = (
        await withClient(source.superuserUrl, (client) =>
          client.query<{ bucket: string; name: string }>(
            "select bucket_id as bucket, name from storage.objects order by name limit 1",
          ),
        )
      ).rows;
      await stage.files.client().send(new DeleteObjectCommand({ Bucket: file?.bucket, Key: file?.name }));
      await sentinel();
    });
    return { inputs: { scenario: disaster, at, production: production.ref }, more: sourceSettings };
  }
  if (disaster === "complete-loss") {
    await acts.act("destroy the project: its server, its files, its place at Supabase", () => stage.loseProject());
    return { inputs: { scenario: disaster }, more: {} };
  }
  const more = await acts.act("let S3 copy the vault into another region", () => stage.keepReplica());
  await acts.act(`lose the region ${regions.lost}: the project, and the vault with it`, async () => {
    await stage.loseProject();
    await stage.loseVault();
    stage.supabase.world.fullRegions.add(regions.lost);
  });
  return { inputs: { scenario: disaster, region: regions.other }, more };
}
