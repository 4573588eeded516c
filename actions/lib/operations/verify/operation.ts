import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import type { Manifest } from "../../vault/format/manifest.ts";
import { field, flag, from, why } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "verify",
  summary:
    "Reads a set again and compares every stored byte with its signed manifest; deep: opens it as well. With --files a snapshot of the files.",
  details:
    "Reads S3_BACKUP_BUCKET (with --files S3_STORAGE_BUCKET, and the other where it is set) and the AWS_* settings; with --deep also RESTORE_PRIVATE_KEY and RESTORE_PASSPHRASE.",
  inputs: z.object({
    set: field(z.string().default("latest"), {
      positional: true,
      value: "set|latest",
      help: "id of the set, or latest",
    }),
    deep: flag("open every artifact and compare it with the set's inventory (needs the private key)"),
    files: flag(
      "a snapshot of the files instead: every object there with its size; with deep a rotating share is opened",
    ),
    ...why,
    ...from,
    share: field(z.string().optional(), {
      value: "SHARE",
      help: "with files and deep: of all bytes, e.g. 3% (default: what reads everything once a quarter)",
    }),
  }),
  needs: ({ files, deep, from }, env) => [
    files ? "storageVault" : "vault",
    ...when(deep, "opening"),
    // The database set that the snapshot names is looked for where its bucket is told.
    ...when(files && (from === "replica" || Boolean(env["S3_BACKUP_BUCKET"])), "vault"),
  ],
  refuse({ files, deep, share }) {
    if (share === undefined) return;
    if (!files)
      throw new ConfigurationError("usage", "share goes with files and deep.", "A set is always opened whole.");
    if (!deep) throw new ConfigurationError("usage", "share goes with deep.", "Give both, or neither.");
  },
  writes: ["vault"],
  unrehearsed: "all that it writes are notes: that the set is in use, and which share of the files it has opened",
  runbook: "runbooks/verification-failed.md",
  reported: { label: "Verification" },
  action: { folder: "verify-backup", name: "Verify a backup set" },
  outputs: { set: "Id of the set that was verified", outcome: "whole, unread or damaged" },
  async run(context, { set, deep, files, share }) {
    const { log, signal } = context;
    const { announceUse } = await import("../../vault/holds/uses.ts");
    const { manifestVerifier, readerSigners } = await import("../../vault/configured.ts");
    const trustedSigners = await context.signers();
    const marks = { verify: await manifestVerifier(context.config()), passedOver: log.warn };
    const privateKey = deep ? await context.openingKey() : undefined;
    if (!files) {
      const { verifySet } = await import("./verify.ts");
      const { reportVerification } = await import("./page.ts");
      const { resolveSet } = await import("../../vault/sets/catalogue.ts");
      const vault = await context.vault();
      const found = await resolveSet(vault, set, marks);
      using _use = await announceUse(vault, { set: found.set, operation: "verify" }, log);
      const { findClientTools } = await import("../../postgres/connect/client-tools.ts");
      const tools = ({ source }: Manifest) => findClientTools(source.serverMajor, context.env).catch(() => null);
      const result = await verifySet(vault, found, { trustedSigners, deep, privateKey, tools }, log);
      return { result, ...reportVerification(result) };
    }
    const { verifyFiles } = await import("./files/verify-files.ts");
    const { readShare, reportFilesVerification } = await import("./files/page.ts");
    const config = context.config("storageVault");
    const options = {
      ...{ trustedSigners, lockDays: config.policy.storage.retention.lockDays, signal },
      ...(context.has("vault") && { sets: await context.vault() }),
      ...(privateKey && { deep: { privateKey, readers: await readerSigners(config), share: readShare(share) } }),
    };
    const { resolveSnapshot } = await import("../../vault/files/snapshot-catalogue.ts");
    const vault = await context.files();
    const snapshot = await resolveSnapshot(vault, set, marks);
    using _use = await announceUse(vault, { set: snapshot, operation: "verify" }, log);
    const result = await verifyFiles(vault, snapshot, options, log);
    return { result, ...reportFilesVerification(result) };
  },
});
