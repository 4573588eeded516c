import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { field, flag, from, target, why } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

const MiB = 1024 * 1024;

export default defineOperation({
  name: "compare",
  summary:
    "Compares one table of a set with the target's, or with another set's: which rows are missing, changed, added.",
  details: [
    "Reads S3_BACKUP_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY, RESTORE_PASSPHRASE and, without --with, TARGET_DATABASE_URL.",
    "Changed and added rows are told by the transaction that wrote them last, missing ones by what is missing with them. Any target",
    "may be compared, production too: its table is only read; the rows that differ lie in temporary tables meanwhile.",
    "A terminal shows the values of some rows; what is written into a file or a pipe has none, but with --values.",
    "Exit code 0: equal. 1: something differs.",
  ].join("\n"),
  inputs: z.object({
    set: field(z.string(), { positional: true, value: "set|latest", help: "id of the set, or latest" }),
    table: field(z.string(), {
      value: "TABLE",
      help: `which table: schema.table; "schema"."table" in double quotes where names hold dots`,
    }),
    with: field(z.string().optional(), { value: "SET", help: "compare with this set, without any database" }),
    where: field(z.string().optional(), {
      value: "SQL",
      help: 'only rows that a condition on the table\'s columns holds for, now or in the set, e.g. "price = 0"',
    }),
    columns: field(z.string().optional(), { value: "A,B", help: "compare these columns alone, beside the key" }),
    values: flag("show values of some rows wherever the output goes"),
    temporaryMib: field(z.coerce.number().int().min(1).max(1_048_576).default(4096), {
      ...{ value: "MIB", form: "a whole number of MiB" },
      help: "most that the rows that differ may take beside the table meanwhile",
    }),
    ...why,
    ...target,
    ...from,
  }),
  needs: ({ with: other }) => ["vault", "opening", ...when(other === undefined, "target")],
  refuse({ with: other, where }) {
    if (other === undefined || where === undefined) return;
    throw new ConfigurationError(
      "usage",
      "--where asks the live table, and --with compares two sets without one.",
      "Leave one of them out.",
    );
  },
  writes: ["vault"],
  unrehearsed: "all that it writes is the note that the set is in use",
  async run(context, { set, table, with: other, where, columns, values, temporaryMib }) {
    const { runCompare } = await import("./run-compare.ts");
    const { comparePage, sampleTables } = await import("./page.ts");
    const { renderText } = await import("../../report/page.ts");
    const { log, signal } = context;
    const { sample, ...result } = await runCompare({
      ...{ config: context.config("vault", "opening"), vault: await context.vault(), set, table, where, log, signal },
      against: other === undefined ? context.config("target") : { set: other },
      columns: columns?.split(",").map((name) => name.trim()),
      mostBytes: temporaryMib * MiB,
      values: values || process.stdout.isTTY === true,
    });
    const page = comparePage(result);
    const { missing, changed, added } = result.counts;
    return {
      result: sample === undefined ? result : { ...result, sample },
      page,
      lines: renderText({ ...page, tables: [...page.tables, ...sampleTables(sample ?? [])] }),
      exitCode: missing + changed + added === 0 ? 0 : 1,
    };
  },
});
