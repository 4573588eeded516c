import { readFileSync } from "node:fs";
import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { reportFiles, reportFolder } from "../../actions/lib/operations/restore-files/outcome.ts";
import { runFilesToFolder, runRestoreFiles } from "../../actions/lib/operations/restore-files/run-restore-files.ts";
import { type Choice, readList } from "../../actions/lib/operations/restore-files/selection.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { type Call, type Command, dryRun, type Option, type Outcome } from "./command.ts";

async function run({ positionals: [ref = "latest"], flags, values, log, signal }: Call): Promise<Outcome> {
  const common = {
    ...{ ref, choice: readChoice(values), overwrite: flags["overwrite"] === true, log, signal },
    dryRun: flags["dry-run"] === true,
  };
  const folder = values["to"];
  if (folder !== undefined) {
    refuseTogether(values, "to", ["target", "verify-sample", "production"]);
    const config = await loadConfig({ needs: ["storageVault", "opening"] });
    const result = await runFilesToFolder({ ...common, config, folder });
    const job = reportFolder(result);
    return { json: result, lines: renderText(job.page), job };
  }
  const target = values["target"] ?? "default";
  const sample = values["verify-sample"] === undefined ? undefined : readShare(values["verify-sample"]);
  const config = await loadConfig({ needs: ["storageVault", "opening", "target", "targetStorage"], target });
  const result = await runRestoreFiles({ ...common, config, sample, production: values["production"] });
  const job = reportFiles(result);
  return { json: result, lines: renderText(job.page), job };
}

function readChoice(values: Call["values"]): Choice {
  const { bucket, prefix, owner, list } = values;
  return {
    buckets: bucket === undefined ? [] : bucket.split(",").map((one) => one.trim()),
    prefix,
    owner,
    list: list === undefined ? undefined : readList(readText(list)),
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new ConfigurationError("list-unreadable", "The file that --list names cannot be read.", "Correct its path.");
  }
}

/** `5%` or `0.05`. */
function readShare(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim());
  const share = found === null ? 0 : Number(found[1]) / (found[2] === "%" ? 100 : 1);
  if (share > 0 && share <= 1) return share;
  throw new ConfigurationError("usage", `--verify-sample does not know '${text}'.`, "Give a share such as 5% or 100%.");
}

function refuseTogether(values: Call["values"], one: string, others: readonly string[]): void {
  const together = others.filter((other) => values[other] !== undefined);
  if (together.length === 0) return;
  throw new ConfigurationError("usage", `--${one} and --${together[0]} do not go together.`, "Leave one of them out.");
}

const choiceOptions: Readonly<Record<string, Option>> = {
  bucket: { type: "string", value: "NAMES", help: "only these buckets, separated by commas" },
  prefix: { type: "string", value: "TEXT", help: "only paths that begin with this" },
  owner: { type: "string", value: "ID", help: "only files of this owner" },
  list: { type: "string", value: "FILE", help: "only the files that this file lists, one bucket/path a line" },
};

export const restoreFiles: Command = {
  usage: {
    synopsis: "restore-files <snapshot|latest>",
    summary: "Brings the files of a snapshot back into a project, or into a folder, and reads them back.",
    positionals: ["snapshot|latest"],
    options: {
      target: {
        type: "string",
        value: "NAME",
        help: "a target that the policy names (what TARGET_* describes unless told)",
      },
      to: { type: "string", value: "DIR", help: "write them into this folder instead of a project" },
      ...choiceOptions,
      overwrite: { type: "boolean", help: "replace files that are there with other bytes" },
      "verify-sample": { type: "string", value: "SHARE", help: "read back only this share, e.g. 5%" },
      production: { type: "string", value: "REF", help: "the target is the snapshot's own project: its ref, typed" },
      ...dryRun,
    },
    details: [
      "Reads S3_STORAGE_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY, RESTORE_PASSPHRASE, and of the target",
      "TARGET_DATABASE_URL and TARGET_STORAGE_ENDPOINT, _REGION, _ACCESS_KEY_ID, _SECRET_ACCESS_KEY.",
      "Only what is missing, lost or (with --overwrite) different is sent; run again, it goes on where it stopped.",
    ].join("\n"),
  },
  reported: { operation: "restore", runbook: "runbooks/files-restore-failed.md" },
  run,
};
