import { CloudWatchClient, PutMetricAlarmCommand, type PutMetricAlarmCommandInput } from "@aws-sdk/client-cloudwatch";
import {
  CreateOpenIDConnectProviderCommand,
  DeleteOpenIDConnectProviderCommand,
  IAMClient,
  ListRolesCommand,
} from "@aws-sdk/client-iam";
import { DeleteObjectCommand, ListObjectVersionsCommand, S3Client } from "@aws-sdk/client-s3";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { silenceAlarm } from "../../actions/lib/policy/cloud/alarm.ts";
import { type Bucket, filled, type Values } from "../../actions/lib/policy/cloud/document.ts";
import { valuesOf } from "../../actions/lib/policy/cloud/parameters.ts";
import { completeBucket } from "../lab/cloud/complete-bucket.ts";
import { completeRoles } from "../lab/cloud/complete-roles.ts";
import { startGapFiller } from "../lab/cloud/moto-gaps.ts";
import { type Ended, lifeboat } from "../lab/command-line.ts";
import { startGlacier } from "../lab/servers/glacier.ts";

/** An AWS account of moto's, empty, and the command line in front of it. */
export interface ProvisionLab {
  readonly env: Readonly<Record<string, string>>;
  /** Settings of a client of the SDK's. */
  readonly client: ClientSettings;
  readonly iam: IAMClient;
  run(args: readonly string[], change?: Readonly<Record<string, string>>): Promise<Ended>;
  s3(bucket: Bucket): S3Client;
  /** What the stacks' parameters are, and what else a description needs. */
  values(): Promise<Values>;
  /** Sets what moto's CloudFormation leaves out of a bucket, and undoes what was changed there. */
  complete(bucket: Bucket): Promise<void>;
  /** The same of the roles. */
  completeRoles(): Promise<void>;
  /** Runs the command and sets all that moto leaves out: an account as it should be. */
  make(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface ClientSettings {
  readonly region: string;
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export const repository = "acme/lifeboat";
export const accountId = "123456789012";
export const buckets = { DatabaseBucket: "acme-db", FilesBucket: "acme-files", ReplicaBucket: "acme-replica" } as const;

export async function openProvisionLab(): Promise<ProvisionLab> {
  const moto = await startGlacier();
  const { accessKeyId, secretAccessKey, region } = moto;
  const front = await startGapFiller(moto.endpoint);
  const env = {
    ...{ AWS_ENDPOINT_URL: front.url, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    ...{ AWS_REGION: region, S3_BACKUP_BUCKET: buckets.DatabaseBucket, S3_STORAGE_BUCKET: buckets.FilesBucket },
    ...{ S3_REPLICA_BUCKET: buckets.ReplicaBucket, S3_REPLICA_REGION: "eu-central-1" },
    ALERT_EMAIL_TO: "ops@example.com",
  };
  const client = { region, endpoint: front.url, credentials: { accessKeyId, secretAccessKey } };
  const iam = new IAMClient(client);
  const inUs = new S3Client({ ...client, forcePathStyle: true });
  const inEurope = new S3Client({ ...client, region: "eu-central-1", forcePathStyle: true });
  const s3 = (bucket: Bucket): S3Client => (bucket === "ReplicaBucket" ? inEurope : inUs);
  const values = async (): Promise<Values> => {
    const { policy } = await loadConfig({ needs: [], env });
    const { Roles = [] } = await iam.send(new ListRolesCommand({ PathPrefix: "/lifeboat/qimma/replication/" }));
    return {
      ...valuesOf(policy, {
        ...{ database: buckets.DatabaseBucket, files: buckets.FilesBucket, replica: buckets.ReplicaBucket },
        ...{ repository, alarmEmail: "" },
        provider: `arn:aws:iam::${accountId}:oidc-provider/token.actions.githubusercontent.com`,
      }),
      "AWS::AccountId": accountId,
      "ReplicationRole.Arn": Roles[0]?.Arn ?? "none",
    };
  };
  const run: ProvisionLab["run"] = (args, change = {}) =>
    lifeboat(["provision", "--repository", repository, ...args, "--json"], { ...env, ...change });
  const complete = async (bucket: Bucket): Promise<void> => completeBucket(s3(bucket), bucket, await values());
  return {
    ...{ env, client, iam, s3, values, run, complete },
    completeRoles: async () => completeRoles(iam, await values()),
    async make() {
      await makeProvider(iam);
      const made = await run(["aws"]);
      if (made.code !== 0) throw new Error(made.stderr);
      // The run's entries in the audit trail: moto sets the lock of a bucket only while that is empty.
      await emptied(inUs, buckets.DatabaseBucket);
      for (const bucket of Object.keys(buckets) as Bucket[]) await complete(bucket);
      await completeRoles(iam, await values());
      await makeAlarm(client, await values());
    },
    async [Symbol.asyncDispose]() {
      for (const open of [iam, inUs, inEurope]) open.destroy();
      await front[Symbol.asyncDispose]();
      await moto.stop();
    },
  };
}

async function emptied(s3: S3Client, Bucket: string): Promise<void> {
  const { Versions = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
  for (const { Key, VersionId } of Versions)
    await s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention: true }));
}

/** moto's CloudFormation knows no providers: the account has one already, which is adopted. */
export async function makeProvider(iam: IAMClient, audience = "sts.amazonaws.com"): Promise<void> {
  const host = "token.actions.githubusercontent.com";
  const OpenIDConnectProviderArn = `arn:aws:iam::${accountId}:oidc-provider/${host}`;
  await iam.send(new DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn }));
  await iam.send(new CreateOpenIDConnectProviderCommand({ Url: `https://${host}`, ClientIDList: [audience] }));
}

/** It gives an alarm a name of its own. */
async function makeAlarm(client: ClientSettings, values: Values): Promise<void> {
  const cloudWatch = new CloudWatchClient(client);
  const actions = { AlarmTopic: `arn:aws:sns:us-east-1:${accountId}:alarm` };
  const wanted = filled(silenceAlarm, { ...values, ...actions }) as unknown as PutMetricAlarmCommandInput;
  const hours = Number(wanted.EvaluationPeriods);
  await cloudWatch.send(new PutMetricAlarmCommand({ ...wanted, EvaluationPeriods: hours, DatapointsToAlarm: hours }));
  cloudWatch.destroy();
}
