import { resolve } from "node:path";
import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import type { Log } from "../../actions/lib/base/log.ts";
import { countOf } from "../../actions/lib/base/measures.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { findPromiseJudge } from "../../actions/lib/operations/policy-check/promise-check.ts";
import { readVaultReports } from "../../actions/lib/operations/publish/vault-reports.ts";
import { buildPages } from "../../actions/lib/report/branch/build-pages.ts";
import { noteVerifier, openStorageVault, standingVerifiers } from "../../actions/lib/vault/configured.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { readStanding } from "../../actions/lib/vault/standing.ts";
import { type Call, type Command, dryRun, type Outcome } from "./command.ts";

async function run({ values, flags, log }: Call): Promise<Outcome> {
  if (values["out"] === undefined)
    throw new ConfigurationError("usage", "--out is missing.", "Give the folder that the pages go to.");
  const out = resolve(values["out"]);
  const from = values["from"] === undefined ? undefined : resolve(values["from"]);
  const now = new Date();
  const built =
    from === undefined
      ? await fromVault(out, now, flags["dry-run"] === true, log)
      : await fromFolder(out, from, now, flags["dry-run"] === true, log);
  for (const path of built.foreign.slice(0, 20))
    log.warn(`${path} is not in the form of a report, and is passed over.`);
  const page = resolve(out, "index.html");
  const amount = countOf(built.changed.length, "file");
  return {
    json: { page, changed: built.changed, foreign: built.foreign },
    lines: [
      flags["dry-run"] === true
        ? `Dry run: ${amount} would change in ${out}.`
        : `${amount} changed; the page is ${page}`,
    ],
  };
}

async function fromVault(out: string, now: Date, dry: boolean, log: Log) {
  const config = await loadConfig({ needs: ["vault"] });
  using vault = openVault(config.vault);
  using storage = await openStorageVault();
  const [{ reports, refused }, standing] = await Promise.all([
    readVaultReports(vault, await noteVerifier(config)),
    readStanding({ vault, storage, ...(await standingVerifiers(config)) }),
  ]);
  const news = {
    project: config.policy.project.name,
    reports,
    standing: { ...standing, source: "vault" as const },
    notes: [],
    promises: await findPromiseJudge(config, log),
    now,
  };
  const { changed, foreign } = buildPages(out, news, { dryRun: dry });
  return { changed, foreign: [...foreign, ...refused] };
}

async function fromFolder(out: string, from: string, now: Date, dry: boolean, log: Log) {
  const { policy } = await loadConfig({ needs: [] });
  const news = {
    project: policy.project.name,
    reports: [],
    standing: undefined,
    notes: [],
    promises: await findPromiseJudge({ policy }, log),
    now,
  };
  return buildPages(out, news, { base: from, dryRun: dry });
}

export const report: Command = {
  usage: {
    synopsis: "report --out <folder>",
    summary: "Writes the pages of the run reports into a folder: what a restore would come to now, runs, history.",
    positionals: [],
    options: {
      out: {
        type: "string",
        value: "FOLDER",
        help: "where the pages go; runs that lie there already are told as well",
      },
      from: {
        type: "string",
        value: "FOLDER",
        help: "take the runs from a checkout of the branch reports, not from the vault",
      },
      "dry-run": { type: "boolean", help: dryRun["dry-run"]?.help ?? "" },
    },
    details:
      "Reads S3_BACKUP_BUCKET and the AWS_* settings, unless --from is given. Nothing is committed: that does actions/publish-report.",
  },
  run,
};
