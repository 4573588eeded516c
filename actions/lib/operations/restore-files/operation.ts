import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { optional } from "../../config/environment.ts";
import { dryRun, field, flag, from, whyRestored } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "restore-files",
  summary: "Brings the files of a snapshot back into a project, or into a folder, and reads them back.",
  details: [
    "Reads S3_STORAGE_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY, RESTORE_PASSPHRASE, and of the target",
    "TARGET_DATABASE_URL and TARGET_STORAGE_ENDPOINT, _REGION, _ACCESS_KEY_ID, _SECRET_ACCESS_KEY.",
    "Only what is missing, lost or (with --overwrite) different is sent; run again, it goes on where it stopped.",
  ].join("\n"),
  inputs: z.object({
    snapshot: field(z.string(), { positional: true, value: "snapshot|latest", help: "id of the snapshot, or latest" }),
    target: field(z.string().optional(), {
      ...{ value: "NAME", help: "a target that the policy names (default: what TARGET_* describes)" },
    }),
    ...from,
    to: field(z.string().optional(), { value: "DIR", help: "write them into this folder instead of a project" }),
    bucket: field(z.string().optional(), { value: "NAMES", help: "only these buckets, separated by commas" }),
    prefix: field(z.string().optional(), { value: "TEXT", help: "only paths that begin with this" }),
    owner: field(z.string().optional(), { value: "ID", help: "only files of this owner" }),
    list: field(z.string().optional(), {
      ...{ value: "FILE", help: "only the files that this file lists, one bucket/path a line" },
    }),
    overwrite: flag("replace files that are there with other bytes"),
    verifySample: field(z.string().optional(), { value: "SHARE", help: "read back only this share, e.g. 5%" }),
    production: field(z.string().optional(), {
      ...{ value: "REF", help: "the target is the snapshot's own project: its ref, typed" },
    }),
    ...whyRestored,
    ...dryRun,
  }),
  // Whose files were erased is in the bucket of the sets.
  needs: ({ to }, env) => [
    ...(["storageVault", "opening"] as const),
    ...when(optional(env, "S3_BACKUP_BUCKET") !== undefined, "vault"),
    ...when(to === undefined, "target", "targetStorage"),
  ],
  target: ({ target = "default" }) => target,
  refuse({ to, target, verifySample, production }) {
    const others = { target, "verify-sample": verifySample, production };
    const [other] = Object.entries(others).find(([, value]) => value !== undefined) ?? [];
    if (to === undefined || other === undefined) return;
    throw new ConfigurationError("usage", `to and ${other} do not go together.`, "Leave one of them out.");
  },
  writes: ["target", "folder", "vault"],
  forgets: ({ overwrite }) => (overwrite ? "replaces files that are there (--overwrite)" : undefined),
  interrupted: {
    left: "The target holds a part of what it should: use it for nothing yet.",
    next: "Run the same command again: it goes on where it stopped.",
  },
  runbook: "runbooks/files-restore-failed.md",
  reported: { as: "restore" },
  async run(context, { snapshot: ref, to: folder, verifySample, production, overwrite, dryRun, ...chosen }) {
    const { runFilesToFolder, runRestoreFiles } = await import("./run-restore-files.ts");
    const { readChoice, readSample } = await import("./selection.ts");
    const { reportFiles, reportFolder } = await import("./page.ts");
    const { log, signal } = context;
    const { erasuresOf } = await import("../erasures/open-erasures.ts");
    const erasures = context.has("vault") ? await erasuresOf(context) : undefined;
    const vault = await context.files();
    const common = { ref, choice: readChoice(chosen), vault, erasures, overwrite, dryRun, log, signal };
    if (folder !== undefined) {
      const result = await runFilesToFolder({ ...common, config: context.config("storageVault", "opening"), folder });
      return { result, ...reportFolder(result) };
    }
    const config = context.config("storageVault", "opening", "target", "targetStorage");
    const gate = await context.incidentGate();
    const result = await runRestoreFiles({ ...common, config, sample: readSample(verifySample), production, gate });
    return { result, ...reportFiles(result) };
  },
});
