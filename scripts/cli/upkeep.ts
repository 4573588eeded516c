import { loadConfig } from "../../actions/lib/config/load.ts";
import { upkeepPage } from "../../actions/lib/operations/retention/page.ts";
import { runUpkeep } from "../../actions/lib/operations/retention/run-retention.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { meddlingFailure } from "../../actions/lib/report/run/action-result.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { inspectBucket } from "../../actions/lib/vault/bucket/inspect.ts";
import { noteSigner, trustedSigners } from "../../actions/lib/vault/configured.ts";
import { syncLease } from "../../actions/lib/vault/format/names.ts";
import { acquireLease } from "../../actions/lib/vault/lease/lease.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { type Call, type Command, dryRun, type Outcome } from "./command.ts";

async function run({ flags, log }: Call): Promise<Outcome> {
  const rehearsal = flags["dry-run"] === true;
  const config = await loadConfig({ needs: ["storageVault"] });
  using vault = openVault(config.storageVault);
  const signers = await trustedSigners(config);
  const { objectLock } = await inspectBucket(vault);
  const bucketLocks = objectLock.state === "known" && objectLock.value.enabled;
  const { policy } = config;
  const options = {
    ...{ vault, policy, bucketLocks, log },
    sign: await noteSigner(process.env),
    verify: (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers),
  };
  if (rehearsal) return outcome(await runUpkeep({ ...options, lease: null }), true);
  await using lease = await acquireLease(vault, syncLease, { holder: `upkeep, process ${process.pid}` });
  return outcome(await runUpkeep({ ...options, lease }), false);
}

function outcome(result: Awaited<ReturnType<typeof runUpkeep>>, rehearsal: boolean): Outcome {
  const { retention, locks, deleted, keptBack, alarms } = result;
  const { unnamed, ...rest } = retention;
  const json = { retention: { ...rest, unnamedObjects: unnamed.length }, locks, deleted, keptBack, alarms };
  const page = upkeepPage(result, rehearsal);
  const failure = meddlingFailure(alarms);
  return { json, lines: renderText(page), job: { page, facts: {}, ...(failure !== undefined && { failure }) } };
}

export const upkeep: Command = {
  usage: {
    synopsis: "upkeep",
    summary:
      "Looks after the files' vault: extends locks, removes snapshots that the policy no longer keeps. A sync does it once a week.",
    positionals: [],
    options: dryRun,
    details: "Reads S3_STORAGE_BUCKET, the AWS_* settings and the public keys.",
  },
  reported: { operation: "retention", runbook: "runbooks/vault-meddled.md" },
  run,
};
