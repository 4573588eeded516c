import { z } from "zod";
import { field, flag, from, target, why } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "prove",
  summary: "Compares a database, restored or in use, with a set, and says equal or what differs. Writes nothing.",
  details: [
    "Reads S3_BACKUP_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY, RESTORE_PASSPHRASE and TARGET_DATABASE_URL; with",
    "--with-files S3_STORAGE_BUCKET and TARGET_STORAGE_* too. Any database may be compared, production too: sessions may only read.",
    "Of a project in use it says what changed since the set and what may be damage, as far as the database shows it.",
    "Exit code 0: equal. 1: something differs or could not be verified.",
  ].join("\n"),
  inputs: z.object({
    set: field(z.string(), { positional: true, value: "set|latest", help: "id of the set, or latest" }),
    ...why,
    ...target,
    ...from,
    withFiles: flag("compare the files that belong to the set too"),
  }),
  needs: ({ withFiles }) => ["vault", "opening", "target", ...when(withFiles, "storageVault", "targetStorage")],
  writes: ["vault"],
  unrehearsed: "all that it writes is the note that the set is in use",
  async run(context, { set: ref, withFiles }) {
    const { runProve } = await import("./run-prove.ts");
    const { comparisonPage } = await import("./page.ts");
    const { log, signal } = context;
    const config = context.config("vault", "opening", "target");
    const files = withFiles ? context.config("storageVault", "targetStorage") : undefined;
    const vaults = { vault: await context.vault(), snapshots: withFiles ? await context.files() : undefined };
    const result = await runProve({ config, ...vaults, ref, files, log, signal });
    return { result, page: comparisonPage(result), exitCode: result.outcome === "equal" ? 0 : 1 };
  },
});
