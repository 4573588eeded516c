import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { optional } from "../../actions/lib/config/environment.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { reportFilesVerification } from "../../actions/lib/operations/verify/files/page.ts";
import { verifyFiles } from "../../actions/lib/operations/verify/files/verify-files.ts";
import { reportVerification } from "../../actions/lib/operations/verify/outcome.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { openingKey, readerSigners, trustedSigners } from "../../actions/lib/vault/configured.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import type { Call, Command, Outcome } from "./command.ts";

async function run(call: Call): Promise<Outcome> {
  const {
    positionals: [set = "latest"],
    flags,
    values,
    log,
    signal,
  } = call;
  if (flags["files"] === true) return verifySnapshot(call, set);
  if (values["share"] !== undefined) {
    throw new ConfigurationError("usage", "--share goes with --files --deep.", "A set is always opened whole.");
  }
  const deep = flags["deep"] === true;
  const opening = deep ? await loadConfig({ needs: ["vault", "opening"] }) : undefined;
  const config = opening ?? (await loadConfig({ needs: ["vault"] }));
  const privateKey = opening === undefined ? undefined : await openingKey(opening);
  using vault = openVault(config.vault);
  const options = { trustedSigners: await trustedSigners(config), deep, privateKey, signal };
  const result = await verifySet(vault, set, options, log);
  const job = reportVerification(result);
  return { json: result, lines: renderText(job.page), job };
}

async function verifySnapshot({ flags, values, log, signal }: Call, set: string): Promise<Outcome> {
  const deep = flags["deep"] === true;
  const share = shareOf(values["share"], deep);
  const opening = deep ? await loadConfig({ needs: ["storageVault", "opening"] }) : undefined;
  const config = opening ?? (await loadConfig({ needs: ["storageVault"] }));
  using vault = openVault(config.storageVault);
  // The database set that the snapshot names is looked for where its bucket is told.
  const told = optional(config.env, "S3_BACKUP_BUCKET") !== undefined;
  using sets = told ? openVault((await loadConfig({ needs: ["vault"] })).vault) : undefined;
  const { lockDays } = config.policy.storage.upkeep;
  const result = await verifyFiles(
    vault,
    set,
    {
      ...{ trustedSigners: await trustedSigners(config), lockDays, signal },
      ...(sets && { sets }),
      ...(opening && {
        deep: { privateKey: await openingKey(opening), readers: await readerSigners(config), share },
      }),
    },
    log,
  );
  const job = reportFilesVerification(result);
  return { json: result, lines: renderText(job.page), job };
}

/** `3%`, `3` (per cent) or `0.5%`, as a share of 1. */
function shareOf(text: string | undefined, deep: boolean): number | undefined {
  if (text === undefined) return undefined;
  if (!deep) throw new ConfigurationError("usage", "--share goes with --deep.", "Give both, or neither.");
  const share = Number(/^(\d+(?:\.\d+)?)\s*%?$/.exec(text.trim())?.[1]) / 100;
  if (share > 0 && share <= 1) return share;
  throw new ConfigurationError(
    "usage",
    `The share '${text}' is none.`,
    "Give per cents above 0, up to 100: --share 3%",
  );
}

export const verify: Command = {
  usage: {
    synopsis: "verify <set|latest>",
    summary:
      "Reads a set again and compares every stored byte with its signed manifest; deep: opens it as well. With --files a snapshot of the files.",
    positionals: ["set|latest"],
    options: {
      deep: {
        type: "boolean",
        help: "open every artifact and compare it with the set's inventory (needs the private key)",
      },
      files: {
        type: "boolean",
        help: "a snapshot of the files instead: every object there with its size; with --deep a share is opened, by turns",
      },
      share: {
        type: "string",
        value: "SHARE",
        help: "with --files --deep: of all bytes, e.g. 3% (what reads everything once a quarter unless told)",
      },
    },
    details:
      "Reads S3_BACKUP_BUCKET (with --files S3_STORAGE_BUCKET, and the other where it is set) and the AWS_* settings; with --deep also RESTORE_PRIVATE_KEY and RESTORE_PASSPHRASE.",
  },
  reported: { operation: "verify", runbook: "runbooks/verification-failed.md" },
  run,
};
