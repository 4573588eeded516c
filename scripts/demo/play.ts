import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { countOf, formatBytes } from "../../actions/lib/base/measures.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { backupPage } from "../../actions/lib/operations/backup/page.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import { verdictSentence } from "../../actions/lib/operations/restore/page.ts";
import { runRestoreWithFiles } from "../../actions/lib/operations/restore/run-restore-with-files.ts";
import { filesSentence } from "../../actions/lib/operations/restore-files/page.ts";
import { syncPage } from "../../actions/lib/operations/sync/page.ts";
import { restoreTestSentence } from "../../actions/lib/operations/test-restore/page.ts";
import { verificationPage } from "../../actions/lib/operations/verify/page.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { openingKey, trustedSigners } from "../../actions/lib/vault/configured.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { type LabProject, seedQimma } from "../../test/lab/index.ts";
import { fillRows, type StorageAccess, seedFiles, storageSettings } from "../../test/lab/storage/index.ts";
import { playAccident } from "./accident.ts";
import { Acts } from "./acts.ts";
import { readFileContents } from "./files-opinion.ts";
import { becomeOwner, bucket, filesBucket } from "./owner.ts";
import { testARestore } from "./restore-test.ts";
import { drawDashboard, writeRunPages } from "./run-pages.ts";
import { type Contents, differing, readContents } from "./second-opinion.ts";
import type { Stage } from "./stage.ts";
import { noteHead, verifyTrailByScript } from "./trail.ts";

export interface Played {
  readonly proven: boolean;
  /** What the demo has to say at last. */
  readonly lines: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
}

const everything = [
  ...(["source", "vault", "signing", "opening", "target"] as const),
  ...(["storageVault", "sourceStorage", "targetStorage"] as const),
];

async function readEverything(
  project: LabProject,
  storage: StorageAccess,
): Promise<{ readonly tables: Contents; readonly files: Contents }> {
  const [tables, files] = await Promise.all([readContents(project.superuserUrl), readFileContents(project, storage)]);
  return { tables, files };
}

/**
 * The whole story: a project is seeded, backed up, verified, lost, restored elsewhere, and compared.
 * @param pages folder for what the runs report
 */
export async function play(stage: Stage, bytes: number, pages: string, signal: AbortSignal): Promise<Played> {
  const acts = new Acts(signal);
  const owner = await acts.act("make the four keys and the vault's buckets", async () => {
    await Promise.all([stage.s3.createBucket(bucket), stage.s3.createBucket(filesBucket)]);
    return becomeOwner(stage.folder, stage.s3);
  });
  // Temporary files of the commands go where everything of the demo goes.
  Object.assign(process.env, owner.settings, { TMPDIR: stage.folder });
  process.env["DATABASE_URL"] = stage.source.backupUrl;
  process.env["TARGET_DATABASE_URL"] = stage.target.postgresUrl;
  Object.assign(process.env, storageSettings(stage.sourceFiles), storageSettings(stage.targetFiles, "TARGET"));
  const config = await loadConfig({ needs: everything });

  await acts.act(`seed Qimma's project, about ${formatBytes(bytes)}, and its files`, async () => {
    await seedQimma(stage.source.postgresUrl, { bytes, seed: 1, superuserUrl: stage.source.superuserUrl });
    await seedFiles(stage.source, stage.sourceFiles, { count: 120, bytes: 6_000_000, seed: 1 });
    // Rows of files that the seed of the database made; no real project begins without their bytes.
    await fillRows(stage.source, stage.sourceFiles);
  });
  const picture = join(stage.folder, "accident.svg");
  const accident = await playAccident(acts, stage.source, owner, config, picture, signal);
  const head = await noteHead(config);
  const before = await acts.act("read its contents, for a second opinion", () =>
    readEverything(stage.source, stage.sourceFiles),
  );
  const set = await acts.act("make a weekly set with its files, as the read-only backup role", () =>
    runBackup({ config, tier: "weekly", log: acts.log, signal, files: { config, log: acts.log } }),
  );
  acts.tell(backupPage(set).sentence);
  if (set.files !== undefined) acts.tell(syncPage(set.files).sentence);

  const verified = await acts.act("verify the set, deep", async () => {
    using vault = openVault(config.vault);
    const options = { trustedSigners: await trustedSigners(config), privateKey: await openingKey(config), deep: true };
    return await verifySet(vault, set.set, options, acts.log);
  });
  acts.tell(verificationPage(verified).sentence);
  if (verified.outcome !== "whole") throw new OperationError("demo-set-damaged", "The demo's set is damaged.");

  await acts.act("destroy the source: its server and its data", () => stage.destroySource());
  const begunAt = new Date();
  const { database: result, files } = await acts.act("restore into an empty project, as postgres, with its files", () =>
    runRestoreWithFiles({ config, ref: "latest", log: acts.log, signal }),
  );
  const endedAt = new Date();
  acts.tell(filesSentence(files));
  const after = await acts.act("read the contents again", () => readEverything(stage.target, stage.targetFiles));
  const different = [...differing(before.tables, after.tables), ...differing(before.files, after.files)];
  for (const { verdict, kind, identity, aspect, why } of result.differences) {
    acts.tell(`${verdict}: ${kind} ${identity}, ${aspect}: ${why}`);
  }
  const proven = result.outcome === "equal" && files.outcome === "equal" && different.length === 0;
  const tested = proven ? await testARestore(acts, owner, () => stage.createStaging(), signal) : undefined;
  const page =
    tested &&
    (await acts.act("write what the runs report, and what a restore would bring back now", () =>
      writeRunPages(
        config,
        {
          backup: set,
          restore: { ...result, begunAt, endedAt },
          test: { ...tested, endedAt: new Date() },
        },
        pages,
      ),
    ));
  if (page !== undefined) await copyFile(picture, join(pages, "accident.svg"));
  const dashboard = page && (await acts.act("lifeboat monitor", () => drawDashboard(owner, pages, signal)));
  if (dashboard) acts.tell(dashboard.sentence);
  const trail = await acts.act("lifeboat audit export, and its script of stock tools", () =>
    verifyTrailByScript(owner, head, signal),
  );
  return {
    proven: proven && tested?.outcome === "proven",
    settings: owner.settings,
    lines: [
      ...acts.summary(),
      "",
      `In the vault: ${countOf(set.artifacts.length, "artifact")}, ${formatBytes(Number(set.counts.storedBytes))} sealed, below s3://${bucket}/${set.prefix}`,
      accident,
      `Second opinion: ${different.length === 0 ? `all ${countOf(before.tables.size, "table")} hold the same rows, all ${countOf(before.files.size, "file")} the same bytes under the same metadata` : `these differ: ${different.join(", ")}`}`,
      trail,
      ...(tested === undefined ? [] : [restoreTestSentence(tested)]),
      ...(page === undefined ? [] : [`Reports: ${page}`]),
      ...(dashboard ? [`Dashboard: ${dashboard.page}`] : []),
      proven || result.outcome !== "equal"
        ? verdictSentence(result)
        : "The restore is not what was lost: see the second opinion.",
    ],
  };
}
