import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { dryRun, field, flag, target, whyRestored } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

const byHand = "a file of the person who repairs";

export default defineOperation({
  name: "repair",
  summary: "Puts damaged rows of a table in use back as a set has them, in one transaction that can be undone.",
  details: [
    "Choose what is put back: --transaction (as `lifeboat compare` shows them), --missing, --added, --where, --keys, or --all-rows.",
    "What others have edited since is a conflict: listed, counted, kept. With --damaged, a set taken after the accident, a cell is put",
    "back only if it still is as there. First --dry-run: it says what would change; then the same with --expect-rows, or",
    "--apply with --plan-hash for the very plan that was reviewed. --undo takes a repair back, and an undo too.",
    "Triggers of the tables do not fire: nothing calls out, nothing stamps rows. Foreign keys are checked all the same.",
    "Reads S3_BACKUP_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY, RESTORE_PASSPHRASE and TARGET_DATABASE_URL.",
  ].join("\n"),
  inputs: z.object({
    set: field(z.string().optional(), {
      ...{ positional: true, value: "set|latest", help: "the set that still has it right" },
    }),
    table: field(z.string().optional(), {
      value: "TABLE",
      help: `which table: schema.table; "schema"."table" in double quotes where names hold dots`,
    }),
    transaction: field(z.string().optional(), {
      ...{ value: "N,N..M", help: "rows that these transactions wrote last" },
    }),
    missing: flag("rows that are gone"),
    added: flag("rows that the set does not have: they are taken away"),
    where: field(z.string().optional(), {
      ...{ value: "SQL", help: "only rows for which this condition holds, now or in the set" },
    }),
    keys: field(z.string().optional(), {
      ...{ value: "FILE", help: "only the rows of this file: names of columns, then a row a line, apart by tabs" },
      only: { edge: "command", why: byHand },
    }),
    columns: field(z.string().optional(), { value: "NAMES", help: "only these columns, separated by commas" }),
    allRows: flag("all rows that differ, whoever wrote them"),
    damaged: field(z.string().optional(), {
      ...{ value: "SET", help: "a set taken after the accident: what is no longer as there stays" },
    }),
    goodTarget: field(z.string().optional(), {
      ...{
        value: "NAME",
        help: "a database that still has it right, in the set's place: a target that the policy names",
      },
    }),
    follow: flag("bring back parents that are gone first, and children that went with a row"),
    withFiles: flag("bring back the files of rows of storage.objects that come back"),
    ...target,
    expectRows: field(z.coerce.number().int().nonnegative().optional(), {
      ...{ value: "N", help: "how many rows change, from the dry run; another number is refused" },
      form: "a whole number",
    }),
    batchRows: field(z.coerce.number().int().min(1).optional(), {
      ...{
        value: "N",
        help: "so many changes a transaction, instead of one for all: what was kept before a failure stays",
      },
      form: "a whole number from 1 on",
    }),
    allOrNone: flag("a change that cannot be written any more ends the repair, and nothing is kept"),
    values: flag("show the keys of rows that are left wherever the output goes, not on a terminal alone", {
      only: { edge: "command", why: "keys of rows are for the person who holds the key" },
    }),
    plan: field(z.string().optional(), {
      ...{ value: "FILE", help: "write the plan into this new file, row by row with its values, for review" },
      only: { edge: "command", why: byHand },
    }),
    apply: field(z.string().optional(), { value: "ID", help: "apply a plan of the vault that a dry run has made" }),
    planHash: field(z.string().optional(), {
      ...{ value: "HASH", help: "of the plan that was reviewed, its first 16 digits at least" },
    }),
    undo: field(z.string().optional(), { value: "ID", help: "take a repair back" }),
    incident: field(z.string().optional(), { value: "ID", help: "the incident that is on" }),
    production: field(z.string().optional(), {
      ...{ value: "REF", help: "the target is the set's own project: its ref, typed" },
    }),
    ...whyRestored,
    ...dryRun,
  }),
  needs: ({ withFiles }) => ["vault", "opening", "target", ...when(withFiles, "storageVault", "targetStorage")],
  refuse(inputs) {
    const { set, table, undo, apply, planHash, goodTarget, expectRows, withFiles, dryRun } = inputs;
    const wrong = (what: string, next: string): never => {
      throw new ConfigurationError("usage", what, next);
    };
    const chosen = ["transaction", "missing", "added", "where", "keys", "allRows", "damaged"] as const;
    const selection = [...chosen, "table", "columns", "goodTarget", "follow"] as const;
    if (inputs.allOrNone && inputs.batchRows !== undefined)
      wrong("all-or-none and batch-rows do not go together.", "Leave one of them out.");
    const given = selection.find((one) => inputs[one] !== undefined && inputs[one] !== false);
    if (undo !== undefined || apply !== undefined) {
      const which = undo === undefined ? "apply" : "undo";
      if (undo !== undefined && apply !== undefined)
        wrong("undo and apply do not go together.", "Leave one of them out.");
      if (set !== undefined || given !== undefined)
        wrong(`${which} takes what its list says.`, "Leave the set and everything that chooses rows out.");
      if (undo !== undefined && withFiles)
        wrong("undo takes no file away.", "Leave --with-files out; the files that came stay.");
      if (apply !== undefined && planHash === undefined)
        wrong("apply needs the plan's hash.", "Give --plan-hash, as the dry run has printed it.");
      return;
    }
    if (planHash !== undefined) wrong("plan-hash goes with apply.", "Say which plan: --apply ID.");
    if ((set === undefined) === (goodTarget === undefined))
      wrong("Either a set has the good rows, or a database.", "Give a set, or --good-target.");
    if (table === undefined) wrong("repair needs a table.", "Name it: --table schema.table.");
    if (!chosen.some((one) => inputs[one] !== undefined && inputs[one] !== false))
      wrong(
        "repair needs to know which rows.",
        "Choose by --transaction, --missing, --where or --keys; or say --all-rows.",
      );
    if (!dryRun && expectRows === undefined)
      wrong("repair needs to know how many rows change.", "Run it with --dry-run first, then with --expect-rows.");
  },
  writes: ["target", "vault"],
  interrupted: {
    left: "Either all of the repair is in the target, or nothing; with --batch-rows whole batches of it: the next run says which.",
    next: "Run the same command again.",
  },
  runbook: "runbooks/recover-minor-corruption.md",
  reported: { label: "Repair" },
  action: { folder: "repair", name: "Repair rows of a table" },
  outputs: {
    repair: "Id of the plan or the repair, for apply and undo",
    "plan-hash": "Hash of the plan, for apply",
    rows: "How many rows change, for expect-rows",
    outcome: "planned, repaired, undone or nothing",
  },
  async run(context, inputs) {
    const { runRepair } = await import("./run/run-repair.ts");
    return runRepair(context, { ...inputs, values: inputs.values || process.stdout.isTTY === true });
  },
});
