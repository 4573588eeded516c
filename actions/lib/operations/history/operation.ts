import { z } from "zod";
import { optional } from "../../config/environment.ts";
import { field, flag, from, why } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "history",
  summary:
    "Tells from the sets when a table changed, grew or shrank, by about how much, and which set has it as it was before.",
  details: [
    "Reads S3_BACKUP_BUCKET, the AWS_* settings and BACKUP_SIGNING_KEY (and _PREVIOUS, where it has changed) or RESTORE_PRIVATE_KEY. No",
    "data is opened: each set has an index of fingerprints. With --key it shows one row as it is in each set, for which",
    "RESTORE_PRIVATE_KEY and RESTORE_PASSPHRASE have to be set; it reads that table alone, and only where the row may have changed.",
  ].join("\n"),
  inputs: z.object({
    table: field(z.string(), {
      value: "TABLE",
      help: `which table: schema.table; "schema"."table" in double quotes where names hold dots`,
    }),
    key: field(z.string().optional(), {
      value: "NAME=VALUE",
      help: "also one row, by its key: id=42, or tenant=7,id=42 in the key's order; values as COPY writes them",
    }),
    since: field(z.union([z.iso.date(), z.iso.datetime()]).optional(), {
      ...{ value: "TIME", help: "sets from then on, UTC (default: the newest 40)" },
      form: "a day, 2026-11-22, or a moment, 2026-11-22T04:15:00Z",
    }),
    newest: field(z.coerce.number().int().min(2).max(2000).optional(), {
      ...{ value: "N", help: "the N newest sets", form: "a whole number from 2 to 2000" },
    }),
    svg: field(z.string().min(1).optional(), { value: "FILE", help: "also draw it, into a new file" }),
    values: flag("with --key: print the row's values also where the output is no terminal"),
    ...why,
    ...from,
  }),
  needs: ({ key }, env) => {
    const signs = optional(env, "BACKUP_SIGNING_KEY") !== undefined;
    return ["vault", ...when(signs, "signing"), ...when(key !== undefined || !signs, "opening")];
  },
  writes: ["folder"],
  unrehearsed: "all that it writes is the picture that is asked for",
  runbook: "runbooks/recover-minor-corruption.md",
  async run(context, { table, key, since, newest, svg, values }) {
    const { runHistory } = await import("./run-history.ts");
    const { reportHistory } = await import("./page.ts");
    const { openNewFile } = await import("./new-file.ts");
    const { formerSigning, opening } = await context.formerKeys();
    const signing = context.has("signing") ? [await context.signingKey()] : [];
    const trustedSigners = await context.signers();
    const keys = {
      signing: [...signing, ...formerSigning],
      ...(opening && { opening: { privateKey: opening, trustedSigners } }),
    };
    // Before the work: a file that cannot be made is told at once.
    await using picture = svg === undefined ? undefined : await openNewFile(svg);
    const history = await runHistory({
      ...{ vault: await context.vault(), config: context.config(), keys, table, key, since, newest },
      ...{ log: context.log, signal: context.signal },
    });
    return reportHistory(history, { picture, shown: values || process.stdout.isTTY === true });
  },
});
