import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { type BackupLab, openBackupLab } from "../integration/backup-lab.ts";
import { createProject, dropProject, type LabProject } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type Checkout, checkOut } from "./checkout.ts";

type Secrets = Readonly<Record<string, string>>;

/** A project, its vault and keys, and copies of this tree as its owner's repository, for act to run workflows in. */
export interface WorkflowLab extends AsyncDisposable {
  readonly lab: BackupLab;
  readonly project: LabProject;
  /** What the repository keeps for a backup of the project. */
  readonly secrets: Secrets;
  /** What the runner has in its environment. */
  readonly runner: Readonly<Record<string, string>>;
  /** A repository with the lab's keys and its policy, as that is now, with `policy` changed. Goes with the lab. */
  repository(change?: { readonly policy?: object; readonly branch?: string }): Checkout;
  /** A new bucket, for runs that are to find no others' sets. Closed with the lab. */
  newVault(bucket: string): Promise<Vault>;
}

/** @param name of the project's database; this process's number is added */
export async function openWorkflowLab(name: string): Promise<WorkflowLab> {
  const { superuserUrl, binDir } = sharedPostgres(17);
  await using opened = new AsyncDisposableStack();
  const lab = opened.use(await openBackupLab(sharedS3()));
  const project = await createProject(superuserUrl(), `${name}_${process.pid}`);
  opened.defer(() => dropProject(superuserUrl(), project.name));
  const held = opened.move();
  return {
    ...{ lab, project, secrets: secretsIn(lab.env(project.backupUrl)), runner: { LIFEBOAT_PG_BIN: binDir } },
    repository({ policy, branch } = {}) {
      const labPolicy = JSON.parse(readFileSync(join(lab.folder, "policy.json"), "utf8"));
      return held.use(checkOut({ ...labPolicy, ...policy }, lab.publicKeys, branch));
    },
    async newVault(bucket) {
      await sharedS3().createBucket(bucket);
      return held.use(openVault(sharedS3().bucketAccess(bucket)));
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** What of a command's environment is a secret in GitHub; policy and public keys lie in the repository, programs on the runner. */
export function secretsIn(env: Secrets): Record<string, string> {
  const { PATH, HOME, LIFEBOAT_PG_BIN, LIFEBOAT_POLICY, BACKUP_PUBLIC_KEYS, ...secrets } = env;
  return secrets;
}

/** Neither the named secrets (a line of one that has several) nor what was planted stands in what was said. */
export function expectUntold(
  said: string,
  secrets: Secrets,
  names: readonly string[],
  planted: readonly string[],
): void {
  const kept = names.map((name) => secrets[name]).map((secret) => secret?.split("\n")[4] ?? secret);
  for (const secret of [...kept, ...planted]) {
    expect(secret?.length).toBeGreaterThan(10);
    expect(said).not.toContain(secret);
  }
}

/** Two attempts on both sides of midnight are of two days, and make two sets: the first waits until there is time. */
export async function awayFromMidnight(): Promise<void> {
  const untilMidnight = 86_400_000 - (Date.now() % 86_400_000);
  if (untilMidnight < 120_000) await sleep(untilMidnight);
}
