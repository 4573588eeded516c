import { runBackup } from "../../actions/lib/backup/run-backup.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { verifySet } from "../../actions/lib/prove/verify.ts";
import { backupPage } from "../../actions/lib/report/backup.ts";
import { verdictSentence } from "../../actions/lib/report/restoration.ts";
import { restoreTestSentence } from "../../actions/lib/report/restore-test.ts";
import { verificationPage } from "../../actions/lib/report/verification.ts";
import { runRestore } from "../../actions/lib/restore/run-restore.ts";
import { openingKey, trustedSigners } from "../../actions/lib/runtime/configured.ts";
import { OperationError } from "../../actions/lib/runtime/errors.ts";
import { countOf, formatBytes } from "../../actions/lib/runtime/measures.ts";
import { openVault } from "../../actions/lib/vault/client.ts";
import { seedQimma } from "../../test/lab/index.ts";
import { Acts } from "./acts.ts";
import { becomeOwner, bucket } from "./owner.ts";
import { testARestore } from "./restore-test.ts";
import { differing, readContents } from "./second-opinion.ts";
import type { Stage } from "./stage.ts";

export interface Played {
  readonly proven: boolean;
  /** What the demo has to say at last. */
  readonly lines: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
}

/** The whole story: a project is seeded, backed up, verified, lost, restored elsewhere, and compared. */
export async function play(stage: Stage, bytes: number, signal: AbortSignal): Promise<Played> {
  const acts = new Acts(signal);
  const owner = await acts.act("make the four keys and the vault's bucket", async () => {
    await stage.s3.createBucket(bucket);
    return becomeOwner(stage.folder, stage.s3);
  });
  // Temporary files of the commands go where everything of the demo goes.
  Object.assign(process.env, owner.settings, { TMPDIR: stage.folder });
  process.env["DATABASE_URL"] = stage.source.backupUrl;
  process.env["TARGET_DATABASE_URL"] = stage.target.postgresUrl;
  const config = await loadConfig({ needs: ["source", "vault", "signing", "opening", "target"] });

  await acts.act(`seed Qimma's project, about ${formatBytes(bytes)}`, () =>
    seedQimma(stage.source.postgresUrl, { bytes, seed: 1, superuserUrl: stage.source.superuserUrl }),
  );
  const before = await acts.act("read its contents, for a second opinion", () =>
    readContents(stage.source.superuserUrl),
  );
  const set = await acts.act("make a weekly set, as the read-only backup role", () =>
    runBackup({ config, tier: "weekly", log: acts.log, signal }),
  );
  acts.tell(backupPage(set).sentence);

  const verified = await acts.act("verify the set, deep", async () => {
    using vault = openVault(config.vault);
    const options = { trustedSigners: await trustedSigners(config), privateKey: await openingKey(config), deep: true };
    return verifySet(vault, set.set, options, acts.log);
  });
  acts.tell(verificationPage(verified).sentence);
  if (verified.outcome !== "whole") throw new OperationError("demo-set-damaged", "The demo's set is damaged.");

  await acts.act("destroy the source: its server and its data", () => stage.destroySource());
  const result = await acts.act("restore into an empty project, as postgres", () =>
    runRestore({ config, ref: "latest", log: acts.log, signal }),
  );
  const after = await acts.act("read the contents again", () => readContents(stage.target.superuserUrl));
  const different = differing(before, after);
  for (const { verdict, kind, identity, aspect, why } of result.differences) {
    acts.tell(`${verdict}: ${kind} ${identity}, ${aspect}: ${why}`);
  }
  const proven = result.outcome === "proven" && different.length === 0;
  const tested = proven ? await testARestore(acts, owner, () => stage.createStaging(), signal) : undefined;
  return {
    proven: proven && tested?.outcome === "proven",
    settings: owner.settings,
    lines: [
      ...acts.summary(),
      "",
      `In the vault: ${countOf(set.artifacts.length, "artifact")}, ${formatBytes(Number(set.counts.storedBytes))} sealed, below s3://${bucket}/${set.prefix}`,
      `Second opinion: ${different.length === 0 ? `all ${countOf(before.size, "table")} hold the same rows` : `these tables differ: ${different.join(", ")}`}`,
      ...(tested === undefined ? [] : [restoreTestSentence(tested)]),
      proven || result.outcome !== "proven"
        ? verdictSentence(result)
        : "The restore is not what was lost: see the second opinion.",
    ],
  };
}
