import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { field } from "../field.ts";
import { defineOperation } from "../operation.ts";

const headPattern = /^[1-9]\d{0,7}:[0-9a-f]{64}$/;

export default defineOperation({
  name: "audit",
  summary: "Lists, verifies or exports the audit trail: every operation, who began it, why, and how it ended.",
  details: [
    "list     the newest entries (default)",
    "verify   walks the trail and names the first false or missing entry. It is held against the heads that committed run reports tell:",
    "         those of --reports, or of the branch reports if it was fetched (git fetch origin reports). With --folder it needs no vault.",
    "export   writes all entries, the public keys and a script that verifies them with sha256sum, jq and gpg into a new folder",
    "file     adds entries that a restore has kept in a file, because the trail could not take them (--without-audit)",
    "Exit code 1: an entry is false or missing. Nothing repairs the trail. Reads S3_BACKUP_BUCKET, the AWS_* settings and the public keys.",
  ].join("\n"),
  inputs: z.object({
    action: field(z.enum(["list", "verify", "export", "file"]).default("list"), {
      ...{ positional: true, value: "verify|list|export|file", help: "what to do (default: list)" },
    }),
    folder: field(z.string().min(1).optional(), {
      value: "FOLDER",
      help: "list, verify: an exported trail, without any vault",
    }),
    out: field(z.string().min(1).optional(), { value: "FOLDER", help: "export: a folder that is new, or empty" }),
    reports: field(z.string().min(1).optional(), {
      ...{
        value: "FOLDER",
        help: "verify: the branch reports, checked out (default: as this checkout has fetched it)",
      },
    }),
    head: field(z.string().regex(headPattern).optional(), {
      ...{
        value: "COUNT:SHA256",
        help: "verify: a head, as a message told it",
        form: "a number, a colon and 64 hexadecimal digits",
      },
    }),
    newest: field(z.coerce.number().int().min(1).max(100_000).default(50), {
      ...{ value: "N", help: "list: how many (default: 50)", form: "a whole number from 1 to 100000" },
    }),
  }),
  needs: ({ folder }) => (folder === undefined ? ["vault"] : []),
  refuse({ action, folder, out }) {
    if ((action === "export") !== (out !== undefined))
      throw new ConfigurationError(
        "usage",
        "out goes with export, and export with out.",
        "lifeboat audit export --out FOLDER",
      );
    if (folder !== undefined && (action === "export" || action === "file"))
      throw new ConfigurationError("usage", `${action} works on the vault's own trail.`, "Leave --folder out.");
  },
  writes: ["folder", "vault"],
  unrehearsed: "it adds what a run has kept for it, and changes nothing",
  // Whoever reads the trail leaves no entry in it, and what is filed is an entry itself.
  looks: () => true,
  interrupted: { left: "What is filed already has no file any more.", next: "Run it again." },
  runbook: "runbooks/audit-trail.md",
  async run(context, inputs) {
    const { runAudit } = await import("./run-audit.ts");
    return runAudit(context, inputs);
  },
});
