import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { generateKeys } from "../../actions/lib/operations/keys/generate.ts";
import { readWorkflows } from "../../actions/lib/operations/policy-check/promise-check.ts";
import { wantedRepository } from "../../actions/lib/policy/repository/wanted.ts";
import policy from "../../lifeboat.config.ts";

export const ref = "abcdefghijklmnopqrst";
export const stagingRef = "bcdefghijklmnopqrstu";

const pooler = (role: string, of: string): string =>
  `postgresql://${role}.${of}:s3cret-${role}@aws-0-us-east-1.pooler.supabase.com:5432/postgres`;

/** What a person has set who is about to provision: production, staging, the vault, and more than jobs may have. */
export const personal: Readonly<Record<string, string>> = {
  ...{ DATABASE_URL: pooler("lifeboat_backup", ref), SUPABASE_PROJECT_REF: ref },
  ...{
    SUPABASE_STORAGE_ENDPOINT: `https://${ref}.storage.supabase.co/storage/v1/s3`,
    SUPABASE_STORAGE_REGION: "us-east-1",
  },
  ...{
    SUPABASE_STORAGE_ACCESS_KEY_ID: "production-files-id",
    SUPABASE_STORAGE_SECRET_ACCESS_KEY: "production-files-key",
  },
  ...{ SUPABASE_ACCESS_TOKEN: "sbp_reads", DRILL_SUPABASE_ACCESS_TOKEN: "sbp_drill" },
  ...{ STAGING_DATABASE_URL: pooler("postgres", stagingRef), STAGING_PROJECT_REF: stagingRef },
  ...{ S3_BACKUP_BUCKET: "qimma-database", S3_STORAGE_BUCKET: "qimma-files", AWS_REGION: "us-east-1" },
  // The administrator's, who makes the roles.
  ...{ AWS_ACCESS_KEY_ID: "AKIAADMIN", AWS_SECRET_ACCESS_KEY: "admin-secret" },
  ...{ SLACK_BOT_TOKEN: "xoxb-1", SLACK_CHANNEL: "C1" },
};

const environments = wantedRepository(readWorkflows()).environments.map(({ name }) => name);
export const roles: Readonly<Record<string, string>> = Object.fromEntries(
  environments.map((name) => [name, `arn:aws:iam::123456789012:role/${name}`]),
);

export interface ProvisionLab extends AsyncDisposable {
  /** The private keys. */
  readonly keys: string;
  /** A context of somebody with these settings. */
  context(env: Readonly<Record<string, string | undefined>>): Promise<Context>;
}

/** Keys that the policy pins, and the policy that does. */
export async function openProvisionLab(): Promise<ProvisionLab> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-provision-"));
  const keys = join(folder, "keys");
  const { pins } = await generateKeys({
    ...{ project: "qimma", repository: join(folder, "checkout"), out: keys, env: {}, pins: policy.keys },
  });
  const path = join(folder, "policy.json");
  await writeFile(path, JSON.stringify({ ...policy, keys: pins }));
  return {
    keys,
    async context(env) {
      const config = await loadConfig({ needs: [], env: { LIFEBOAT_POLICY: path, ...env } });
      const run = { workflow: "by-hand", runId: "1", attempt: 1, url: null, event: "by-hand" };
      return new Context({ config, log: silentLog, signal: new AbortController().signal, run });
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
