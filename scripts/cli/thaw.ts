import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { countOf } from "../../actions/lib/base/measures.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { type ThawResult, thawSet } from "../../actions/lib/operations/thaw/thaw-set.ts";
import type { ThawTier } from "../../actions/lib/vault/bucket/thaw.ts";
import { trustedSigners } from "../../actions/lib/vault/configured.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { resolveSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { readSignedSet } from "../../actions/lib/vault/sets/open-set.ts";
import { type Call, type Command, dryRun, type Outcome } from "./command.ts";

const tiers = ["Standard", "Bulk", "Expedited"] as const;

async function run({ positionals: [ref = "latest"], flags, values, log, signal }: Call): Promise<Outcome> {
  const tier = readThawTier(values["tier"]);
  const days = readDays(values["days"]);
  const config = await loadConfig({ needs: ["vault"] });
  using vault = openVault(config.vault);
  const found = await resolveSet(vault, ref, ref === "latest" ? { tier: "monthly" } : {});
  const signed = await readSignedSet(vault, found, await trustedSigners(config));
  const wait = flags["wait"] === true;
  const result = await thawSet(vault, signed, { tier, days, dryRun: flags["dry-run"] === true, wait, log, signal });
  return { json: result, lines: [sentence(result)] };
}

function sentence({ outcome, set, requested, underWay, readyUntil, expected }: ThawResult): string {
  switch (outcome) {
    case "ready":
      return `Every object of set ${set} can be read${readyUntil === null ? "" : ` until ${readyUntil}`}.`;
    case "dry-run":
      return "Dry run: nothing was asked for.";
    default: {
      const times = expected === null ? "" : ` It takes ${expected}.`;
      return `Asked for ${countOf(requested, "object")} of set ${set}, ${underWay} were on the way already.${times} 'lifeboat thaw ${set} --wait' waits for them.`;
    }
  }
}

/** @throws ConfigurationError `usage` */
function readThawTier(text = "Standard"): ThawTier {
  const tier = tiers.find((one) => one.toLowerCase() === text.toLowerCase());
  if (tier !== undefined) return tier;
  throw new ConfigurationError("usage", `'${text}' is not a retrieval tier.`, `The tiers are ${tiers.join(", ")}.`);
}

function readDays(text = "7"): number {
  const days = Number(text);
  if (Number.isInteger(days) && days > 0 && days <= 90) return days;
  throw new ConfigurationError("usage", `'${text}' is not a number of days.`, "Give --days 1 to 90.");
}

export const thaw: Command = {
  usage: {
    synopsis: "thaw <set|latest>",
    summary: "Brings an archived set back from Glacier for some days, after telling the time and the price.",
    positionals: ["set|latest"],
    options: {
      tier: { type: "string", value: "TIER", help: "Standard (unless told), Bulk (slower, cheaper) or Expedited" },
      days: { type: "string", value: "N", help: "how long the copies stay readable (7 unless told)" },
      wait: { type: "boolean", help: "come back only when everything can be read" },
      "dry-run": { type: "boolean", help: dryRun["dry-run"]?.help ?? "" },
    },
    details: [
      "Reads S3_BACKUP_BUCKET and the AWS_* settings. 'latest' is the newest archive. All objects are asked for at once; it",
      "can be interrupted and run again at any time.",
    ].join("\n"),
  },
  run,
};
