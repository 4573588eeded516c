import { ConfigurationError, LifeboatError } from "../../actions/lib/base/errors.ts";
import type { Log } from "../../actions/lib/base/log.ts";
import { type Config, loadConfig } from "../../actions/lib/config/load.ts";
import { checkPromises } from "../../actions/lib/operations/policy-check/promise-check.ts";
import type { VaultTruth } from "../../actions/lib/policy/promises.ts";
import { truthOf } from "../../actions/lib/report/branch/standing.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { promisesPage } from "../../actions/lib/report/promises-page.ts";
import { askStanding } from "../../actions/lib/vault/configured.ts";
import type { Call, Command, Outcome } from "./command.ts";

async function run({ positionals: [action = ""], flags, values, log }: Call): Promise<Outcome> {
  if (action !== "check") {
    throw new ConfigurationError("usage", `There is no 'policy ${action}'.`, "It is 'lifeboat policy check'.");
  }
  const file = values["policy"];
  const env = file === undefined ? process.env : { ...process.env, LIFEBOAT_POLICY: file };
  const config = await loadConfig({ needs: [], env });
  const vault = flags["offline"] === true ? undefined : await askVault(env, log);
  const check = await checkPromises(config, vault, values["workflows"]);
  return { json: check, lines: renderText(promisesPage(check)), exitCode: check.green ? 0 : 1 };
}

/** Undefined, and said so, where the vault is not set or cannot be reached: the rest can be judged without it. */
async function askVault(env: Config["env"], log: Log): Promise<VaultTruth | undefined> {
  if (!env["S3_BACKUP_BUCKET"]) {
    log.info("S3_BACKUP_BUCKET is not set: what the vault has now is not judged.");
    return undefined;
  }
  const config = await loadConfig({ needs: ["vault"], env });
  try {
    return truthOf(await askStanding(config));
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    log.warn(`The vault could not be asked, so what it has now is not judged: ${error.message}`);
    return undefined;
  }
}

export const policy: Command = {
  usage: {
    synopsis: "policy check",
    summary: "Compares what is promised (RTO, RPO) with what schedules, plan, thaw and the vault really allow.",
    positionals: ["check"],
    options: {
      policy: { type: "string", value: "FILE", help: "another policy than lifeboat.config.ts (or LIFEBOAT_POLICY)" },
      workflows: { type: "string", value: "FOLDER", help: "where the schedules are (.github/workflows unless told)" },
      offline: { type: "boolean", help: "do not ask the vault" },
    },
    details: [
      "Exit code 1: a promise is better than the truth, and nobody has accepted that in the policy. With S3_BACKUP_BUCKET",
      "and the AWS_* settings the vault is asked for its newest and its proven sets, with S3_STORAGE_BUCKET for the files.",
    ].join("\n"),
  },
  run,
};
