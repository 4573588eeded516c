import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { hasFilesVault, hasReplica } from "../../config/vault-location.ts";
import { dryRun, field, flag, reason, reasonField } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

const aDay = /^\d{4}-\d{2}-\d{2}$/;
const dayOrTime = z.union([z.iso.date(), z.iso.datetime({ offset: true })]).optional();

export default defineOperation({
  name: "hold",
  summary: "Holds a set, or a snapshot of the files: nothing removes it until somebody releases it.",
  details: [
    "Writes the hold into the register of the vault, from which on retention keeps the set, and puts the store's legal hold on",
    "every object version that the set needs, its files' packs too, in the vault and in the replica. Run again without --reason",
    "it finishes what an earlier run has left. Reads S3_BACKUP_BUCKET, S3_STORAGE_BUCKET, S3_REPLICA_BUCKET, the AWS_* settings",
    "and, to sign, RESTORE_PRIVATE_KEY (operations or escrow). A hold without that signature holds too, but has no --until.",
  ].join("\n"),
  inputs: z.object({
    set: field(z.string(), { positional: true, value: "set|latest", help: "id of the set, or latest" }),
    reason: field(reason.optional(), {
      ...reasonField,
      help: "why, in words for whoever finds it in years; no personal data",
    }),
    until: field(dayOrTime, {
      ...{ value: "DAY", help: "until when (until it is released by default)" },
      form: "a day like 2031-12-31 (its beginning, UTC) or a time like 2031-12-31T12:00:00Z",
    }),
    files: flag("a snapshot of the files alone, instead of a set of the database with its files"),
    ...dryRun,
  }),
  needs: ({ files }, env) => [
    ...when(!files, "vault"),
    ...when(files || hasFilesVault(env), "storageVault"),
    ...when(hasReplica(env), "replica"),
  ],
  refuse({ until }) {
    if (until === undefined || Date.parse(until) > Date.now()) return;
    const next = "Give a later one, or leave --until out: then the hold ends when somebody releases it.";
    throw new ConfigurationError("usage", `--until ${until} is in the past: such a hold would hold nothing.`, next);
  },
  writes: ["vault"],
  interrupted: {
    left: "Once the register has the hold, retention keeps the set; the store's legal hold may be on a part of it only.",
    next: "Run it again: it finishes what is left.",
  },
  runbook: "runbooks/holds.md",
  reported: { label: "Hold" },
  async run(context, { set, reason, until, files, dryRun }) {
    const { runHold } = await import("./run-hold.ts");
    const { reportHold } = await import("./page.ts");
    const end = until === undefined ? null : new Date(aDay.test(until) ? `${until}T00:00:00Z` : until).toISOString();
    return reportHold(await runHold(context, { set, reason, until: end, files, dryRun }));
  },
});
