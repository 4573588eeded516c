import { z } from "zod";
import { optional } from "../../config/environment.ts";
import { hasFilesVault, hasReplica } from "../../config/vault-location.ts";
import { dryRun, field, flag } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "provision",
  summary:
    "Makes what Lifeboat needs: buckets, roles and an alarm at AWS, protected environments at GitHub; or compares AWS with it.",
  details: [
    "aws makes three stacks of scripts/provision/ by CloudFormation: the replica, the vault with its alarm, the roles. It shows what would",
    "change first, and refuses what would replace or remove a bucket, lower a lock or take a denial away. It reads S3_BACKUP_BUCKET,",
    "S3_STORAGE_BUCKET, S3_REPLICA_BUCKET, S3_REPLICA_REGION, AWS_REGION, ALERT_EMAIL_TO, and an administrator's AWS credentials.",
    "github makes the environments that the workflows name, limited to main, with what their jobs need, and rules for main and the branch reports;",
    "then it asks what GitHub enforces. It takes nobody's stricter rule away. It reads GITHUB_TOKEN, and what the jobs need as .env.example names",
    "it; a value for one environment alone has its name before it: DRILL_SUPABASE_ACCESS_TOKEN. What is missing is asked for at a terminal.",
    "check names each property of AWS and each setting of GitHub that is not as it should be, of both where S3_BACKUP_BUCKET is set. Exit",
    "code 1: there is one.",
  ].join("\n"),
  inputs: z.object({
    what: field(z.enum(["aws", "github", "check"]), {
      positional: true,
      help: "make what is at AWS, or at GitHub; or only look",
    }),
    repository: field(z.string().optional(), {
      ...{ value: "NAME", help: "owner/name, or owner@id/name@id as GitHub presents it (default: asks GitHub)" },
    }),
    keepBuckets: flag("with aws: the buckets were made by hand and stay as they are; make the roles alone"),
    keys: field(z.string().optional(), {
      ...{
        value: "FOLDER",
        help: "with github: where `keys generate --out` has put the private keys; escrow's stays there",
      },
    }),
    revert: flag("with aws: put back what somebody has changed by hand since, as check names it"),
    ...dryRun,
  }),
  needs: ({ what }, env) =>
    what === "github" || (what === "check" && optional(env, "S3_BACKUP_BUCKET") === undefined)
      ? []
      : ["vault", ...when(hasFilesVault(env), "storageVault"), ...when(hasReplica(env), "replica")],
  writes: ["account"],
  looks: ({ what }) => what === "check",
  interrupted: {
    left: "CloudFormation ends what it has begun by itself, or takes it back.",
    next: "Run it again: what is done already is left as it is.",
  },
  runbook: "runbooks/aws-account.md",
  runbookFor: ({ what }) => (what === "aws" ? "runbooks/aws-account.md" : "runbooks/github-settings.md"),
  async run(context, inputs) {
    if (inputs.what === "github") {
      const { provisionGithub } = await import("./github/run-github.ts");
      const { deployedRoles: rolesOf } = await import("./aws/deployed-roles.ts");
      return provisionGithub(context, inputs, { rolesOf });
    }
    if (inputs.what === "check") {
      const { checkBoth } = await import("./check/check-both.ts");
      return checkBoth(context, inputs.repository);
    }
    const { provisionAws } = await import("./aws/provision-aws.ts");
    return provisionAws(context, { ...inputs, repository: inputs.repository });
  },
});
