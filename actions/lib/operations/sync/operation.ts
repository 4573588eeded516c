import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { periods } from "../../policy/period.ts";
import { tierSchema } from "../../vault/format/manifest.ts";
import { dryRun, type Field, field, flag } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

const divided: Field["only"] = { edge: "action", why: "runners share one copy; a person's machine does all of it" };

const numbers = z.string().regex(/^\[(\d+(,\d+)*)?\]$/);
const numbersIn = (text: string): number[] => z.array(z.number()).parse(JSON.parse(text));

export default defineOperation({
  name: "sync",
  summary: "Copies new and changed files of Storage into the vault and publishes a sealed, signed snapshot of all.",
  details:
    "Reads SUPABASE_STORAGE_*, DATABASE_URL (not with --from-listing), S3_STORAGE_BUCKET, the AWS_* settings, BACKUP_SIGNING_KEY and the public keys.\n" +
    "When the signing key has changed: BACKUP_SIGNING_KEY_PREVIOUS (and _PASSPHRASE) or RESTORE_PRIVATE_KEY, for one run.",
  inputs: z.object({
    work: field(z.enum(["all", "plan", "copy", "commit"]).default("all"), {
      value: "WORK",
      help: "all: one machine does everything. plan: does everything when one runner can, else divides it. copy: one part. commit: the snapshot, when all parts are there",
      only: divided,
    }),
    part: field(z.coerce.number().int().min(1).optional(), {
      value: "N",
      help: "copy: number of the part, one of parts",
      form: "a part's number, from the output parts of plan",
      only: divided,
    }),
    parts: field(numbers.default("[]"), {
      value: "[1,2,…]",
      help: "copy: the output parts of plan",
      form: "the output parts of plan",
      only: divided,
    }),
    copied: field(z.enum(["success", "failure", "cancelled", "skipped"]).optional(), {
      value: "RESULT",
      help: "commit: how the jobs with work copy ended, as GitHub says it; anything but success makes no snapshot",
      only: divided,
    }),
    oncePer: field(z.enum(periods).optional(), {
      value: "PERIOD",
      help: "10h (the last ten hours), or day, week (from Sunday), month or month-from-sunday (its first) in UTC: makes no second snapshot in the same one; without it one is made in any case",
    }),
    tier: field(z.enum([...tierSchema.options, "due"]).default("daily"), {
      value: "TIER",
      help: "how long the snapshot is kept: as sets of this tier (default: daily); due: what the age of the newest asks for",
      // A schedule's snapshots are of all tiers in rotation, without a workflow for each.
      actionDefault: "due",
    }),
    full: flag("compare with nothing and copy every file anew"),
    audit: flag("also look for files that have no row (lists every bucket)"),
    fromListing: flag("take the list from the S3 endpoint, without access to the database"),
    acceptShrinkage: flag(
      "many files were removed on purpose, so that much fewer than in the last snapshot only warns",
    ),
    ...dryRun,
  }),
  needs: ({ fromListing }) => ["storageVault", "sourceStorage", "signing", ...when(!fromListing, "source")],
  refuse({ work, part = 0, parts, dryRun }) {
    if (work === "copy" && !numbersIn(parts).includes(part))
      throw new ConfigurationError("usage", "The input part is none of parts.", "Take both from the outputs of plan.");
    if (work !== "all" && dryRun)
      throw new ConfigurationError("usage", "dry-run goes with work all.", "Leave one of them out.");
  },
  writes: ["vault"],
  interrupted: {
    left: "What is not published yet is no snapshot; the files that were copied are kept.",
    next: "Run it again: it goes on with them.",
  },
  runbook: "runbooks/sync-failed.md",
  reported: { label: "Sync of files", watched: true },
  action: { folder: "sync-storage", name: "Sync Storage's files" },
  outputs: {
    made: "true when a snapshot was made, false when there was one or when parts are still to be copied",
    snapshot: "Id of the snapshot, e.g. 20261122T221500Z-1a2b3c4d",
    parts: "plan: numbers of the parts that are to be copied, as JSON for a matrix; [] when all is done",
    "files-copied": "Files whose bytes were copied",
    "stored-bytes": "Bytes that this run added to the vault",
    "nothing-to-do": "true when the snapshot that once-per asks for was there",
  },
  async run(context, { work, part = 0, parts, copied, oncePer, tier, fromListing: _, ...asked }) {
    const { inspectSnapshots } = await import("./made-in-period.ts");
    const { reportSnapshot, reportThere } = await import("./page.ts");
    const { releaseVerifier } = await import("../../vault/configured.ts");
    const { log, signal } = context;
    // With the source in it, unless the list comes from the endpoint.
    const config = context.config("storageVault", "sourceStorage", "signing");
    const vault = await context.files();
    const look = oncePer !== undefined || tier === "due";
    const { tier: due, made } = look
      ? await inspectSnapshots(vault, oncePer, await context.signers(), log, await releaseVerifier(config))
      : { tier: "daily" as const };
    if (made !== undefined) return { result: { made: made.set }, ...reportThere(made) };
    const request = {
      ...{ config, tier: tier === "due" ? due : tier, log, signal, ...asked },
      ...(context.holder !== undefined && { holder: context.holder }),
      ...(await context.formerKeys()),
    };
    if (work === "all") {
      const { runSync } = await import("./run-sync.ts");
      const result = await runSync({ ...request, vault });
      return { result, ...reportSnapshot(result) };
    }
    const { commitRun, copyPart, planRun, reportPart, reportPlan } = await import("./divided-run.ts");
    const run = context.run.runId;
    const job = { request, vault, run, holder: context.holder ?? run };
    if (work === "copy") {
      const result = await copyPart(job, part, numbersIn(parts).length);
      return { result, ...reportPart(part, result) };
    }
    const planned =
      work === "commit"
        ? ({ kind: "done", result: await commitRun(job, copied === "success") } as const)
        : await planRun(job);
    if (planned.kind === "done") return { result: planned.result, ...reportSnapshot(planned.result) };
    return { result: planned, ...reportPlan(planned.total, planned.parts) };
  },
});
