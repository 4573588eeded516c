import { z } from "zod";
import { hasFilesVault, hasReplica } from "../../config/vault-location.ts";
import { dryRun, field, flag } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "provision",
  summary: "Makes what Lifeboat needs in your AWS account: buckets, roles, an alarm.",
  details: [
    "aws makes three stacks of scripts/provision/ by CloudFormation: the replica, the vault with its alarm, the roles. It shows what would",
    "change first, and refuses what would replace or remove a bucket, lower a lock or take a denial away. It reads S3_BACKUP_BUCKET,",
    "S3_STORAGE_BUCKET, S3_REPLICA_BUCKET, S3_REPLICA_REGION, AWS_REGION, ALERT_EMAIL_TO, and an administrator's AWS credentials.",
  ].join("\n"),
  inputs: z.object({
    what: field(z.enum(["aws"]), { positional: true, help: "aws" }),
    repository: field(z.string().optional(), {
      ...{ value: "NAME", help: "owner/name, or owner@id/name@id as GitHub presents it (default: asks GitHub)" },
    }),
    keepBuckets: flag("with aws: the buckets were made by hand and stay as they are; make the roles alone"),
    ...dryRun,
  }),
  needs: (_, env) => ["vault", ...when(hasFilesVault(env), "storageVault"), ...when(hasReplica(env), "replica")],
  writes: ["account"],
  interrupted: {
    left: "CloudFormation ends what it has begun by itself, or takes it back.",
    next: "Run it again: what is done already is left as it is.",
  },
  runbook: "runbooks/aws-account.md",
  async run(context, inputs) {
    const { provisionAws } = await import("./aws/provision-aws.ts");
    return provisionAws(context, { ...inputs, repository: inputs.repository });
  },
});
