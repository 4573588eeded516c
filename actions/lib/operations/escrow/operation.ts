import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { optional } from "../../config/environment.ts";
import { dryRun, field, from } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "escrow",
  summary: "Seals what only you have (signing key, secrets of functions, SMTP password) for a recovery, or lists it.",
  details: [
    "put   reads one value from a file or from stdin, never from the command line. It replaces nothing: the newest counts.",
    "      signing-key     the private JWK of the key that signs sessions, where you made it",
    "      secret:NAME     a secret of Edge Functions",
    "      auth:FIELD      a password or secret of Auth's settings, e.g. auth:smtp_pass",
    "      s3-keys         the access keys of Storage's S3 endpoint",
    "      vault-root-key  Vault's root key",
    "      other:NAME      anything else that a recovery by hand needs",
    "list  says what is there, since when and who opens it, and never a value. With RESTORE_PRIVATE_KEY it compares with the",
    "      newest set and names what is missing. Exit code 1: somebody has changed something.",
    "Reads S3_BACKUP_BUCKET, the AWS_* settings, the public keys; put also RESTORE_PRIVATE_KEY (operations or escrow), which signs.",
  ].join("\n"),
  inputs: z.object({
    action: field(z.enum(["put", "list"]).default("list"), {
      ...{ positional: true, value: "put|list", help: "what to do (default: list)" },
    }),
    name: field(z.string().optional(), {
      positional: true,
      value: "NAME",
      help: "put: what it is; the help lists the names",
    }),
    file: field(z.string().optional(), { value: "PATH", help: "put: the file that holds the value (default: stdin)" }),
    ...from,
    ...dryRun,
  }),
  needs: ({ action }, env) => [
    "vault",
    ...when(action === "put" || optional(env, "RESTORE_PRIVATE_KEY") !== undefined, "opening"),
  ],
  refuse({ action, name, file, from, dryRun }) {
    if (action === "put" && name === undefined)
      throw new ConfigurationError("usage", "escrow put needs a name.", "See 'lifeboat escrow --help' for the names.");
    if (action === "put" && from === "replica")
      throw new ConfigurationError(
        "usage",
        "escrow put writes to the vault, never to the replica.",
        "Leave --from out.",
      );
    if (action === "list" && (name !== undefined || file !== undefined || dryRun))
      throw new ConfigurationError("usage", "A name, file and dry-run go with put.", "Leave them out.");
  },
  writes: ["vault"],
  looks: ({ action }) => action === "list",
  interrupted: { left: "What was put before counts; half an entry counts for nobody.", next: "Run it again." },
  runbook: "runbooks/escrow.md",
  async run(context, { action, name = "", file, dryRun }) {
    const { reportList, reportPut } = await import("./page.ts");
    if (action === "list") {
      const { runList } = await import("./run-list.ts");
      return reportList(await runList(context));
    }
    const { runPut } = await import("./run-put.ts");
    return reportPut(await runPut(context, { name, file, dryRun }));
  },
});
