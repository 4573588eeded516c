import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { hasFilesVault, hasReplica } from "../../config/vault-location.ts";
import { dryRun, field, from } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "kit",
  summary: "Makes the rescue kit, all that a recovery needs without GitHub, npm and this repository, or checks it.",
  details: [
    "build  puts recover.sh, every keys.pgp, the public keys, policy, runbooks and contacts into the vault as kit/<id>/, signed and locked,",
    "       with --out into a file for a USB stick too. Needs BACKUP_SIGNING_KEY.",
    "fetch  writes the newest kit of the vault, or of its replica, into a file, once it is checked. Needs no key.",
    "check  holds the newest kit, or a file, against the vault and this version. Exit code 1: it is not what a recovery needs.",
    "Reads S3_BACKUP_BUCKET, S3_STORAGE_BUCKET and S3_REPLICA_BUCKET where they are set, the AWS_* settings and the public keys.",
  ].join("\n"),
  inputs: z.object({
    action: field(z.enum(["build", "fetch", "check"]).default("check"), {
      ...{ positional: true, value: "build|fetch|check", help: "what to do (default: check)" },
    }),
    oncePer: field(z.enum(["month"]).optional(), {
      ...{
        value: "PERIOD",
        help: "build: month makes no second kit in the same month (UTC), unless a key was replaced",
      },
    }),
    out: field(z.string().min(1).optional(), {
      value: "FILE",
      help: "build, fetch: the tar that is written; it must not exist",
    }),
    file: field(z.string().min(1).optional(), {
      value: "FILE",
      help: "check: the tar of a USB stick, not the vault's newest",
    }),
    ...from,
    ...dryRun,
  }),
  needs: ({ action }, env) => [
    "vault",
    ...when(hasFilesVault(env), "storageVault"),
    ...when(action === "build", "signing"),
    ...when(hasReplica(env), "replica"),
  ],
  refuse({ action, oncePer, out, file, from }) {
    const refuse = (what: string, next: string): never => {
      throw new ConfigurationError("usage", what, next);
    };
    if (action === "fetch" && out === undefined) refuse("kit fetch needs a file to write.", "Name it with --out.");
    if (action === "check" && out !== undefined) refuse("kit check writes nothing.", "Leave --out out, or use fetch.");
    if (action !== "check" && file !== undefined) refuse("--file goes with check.", "The file to write is --out.");
    if (action !== "build" && oncePer !== undefined) refuse("--once-per goes with build.", "Leave it out.");
    if (action === "build" && from === "replica")
      refuse("kit build writes to the vault, never to the replica.", "Leave --from out.");
  },
  writes: ["vault", "folder"],
  looks: ({ action }) => action !== "build",
  interrupted: { left: "A kit without its manifest counts for nothing.", next: "Run it again: it makes another." },
  runbook: "runbooks/rescue-kit.md",
  reported: { label: "Rescue kit", byHand: false },
  action: { folder: "rescue-kit", name: "Make or check the rescue kit" },
  outputs: {
    made: "true when a kit was made, false when this month's was there",
    kit: "Id of the kit, e.g. 20261122T221500Z-1a2b3c4d",
    bytes: "Bytes of its tar",
    "nothing-to-do": "true when this month's kit was there",
  },
  async run(context, { action, oncePer, out, file, dryRun }) {
    switch (action) {
      case "build":
        return (await import("./build.ts")).build(context, { oncePer, out, dryRun });
      case "fetch":
        return (await import("./fetch.ts")).fetchKit(context, { out: out ?? "", dryRun });
      case "check":
        return (await import("./check.ts")).check(context, { file });
    }
  },
});
