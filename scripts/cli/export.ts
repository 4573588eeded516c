import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { countOf } from "../../actions/lib/base/measures.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runExportLoad } from "../../actions/lib/operations/export/run-export-load.ts";
import { type Call, type Command, dryRun, type Outcome } from "./command.ts";

async function run({ positionals, flags, values, log, signal }: Call): Promise<Outcome> {
  const [action, ref = "latest"] = positionals;
  if (action !== "load") {
    const next = "It is 'lifeboat export load <set|latest> --table schema.table'.";
    throw new ConfigurationError("usage", `'export' does not know '${action}'.`, next);
  }
  const { table } = values;
  if (table === undefined) {
    throw new ConfigurationError("usage", "'export load' needs to know which table.", "Give --table schema.table.");
  }
  const config = await loadConfig({ needs: ["vault", "opening", "target"], target: values["target"] ?? "default" });
  const given = { dryRun: flags["dry-run"] === true, production: values["production"] };
  const loaded = await runExportLoad({ config, ref, table, ...given, log, signal });
  const rows = countOf(loaded.rows, "row");
  const line =
    loaded.outcome === "dry-run"
      ? `Dry run: ${rows} would be loaded into ${loaded.table} of target ${config.target.name}. Nothing was written.`
      : `${rows} of set ${loaded.set} (as of ${loaded.snapshotAt}) are in ${loaded.table} of target ${config.target.name}, equal to what was exported.`;
  const unlooked = "- The table's triggers and foreign keys were silent: check references to rows of other tables.";
  return { json: loaded, lines: [...(loaded.outcome === "loaded" && loaded.triggersOff ? [unlooked] : []), line] };
}

export const exports: Command = {
  usage: {
    synopsis: "export load <set|latest> --table <schema.table>",
    summary: "Loads one table of a weekly set's JSON export into an empty table and compares it with the set.",
    positionals: ["load", "set|latest"],
    options: {
      table: {
        type: "string",
        value: "TABLE",
        help: `which table: schema.table; "schema"."table" in double quotes where names hold dots`,
      },
      target: {
        type: "string",
        value: "NAME",
        help: "a target that the policy names (what TARGET_* describes unless told)",
      },
      production: { type: "string", value: "REF", help: "the target is the set's own project: its ref, typed" },
      ...dryRun,
    },
    details: [
      "Reads S3_BACKUP_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY, RESTORE_PASSPHRASE and TARGET_DATABASE_URL.",
      "The table has to be there, empty, with exactly the columns that it had. One transaction: all rows or none.",
    ].join("\n"),
  },
  reported: { operation: "restore", runbook: "runbooks/restore-failed.md" },
  run,
};
