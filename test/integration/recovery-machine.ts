import { execFile } from "node:child_process";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { awsFolder } from "../../scripts/setup/moto.mjs";
import { startAwsCli } from "../lab/servers/aws-cli.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import type { BackupLab } from "./backup-lab.ts";
import { type GnupgHome, openGnupgHome } from "./gnupg-home.ts";

const run = promisify(execFile);

/** Where stock tools are found: the machine's own, and the AWS CLI that set-up brings where it has none. */
export const stockPath = [process.env["PATH"], awsFolder()].join(delimiter);

/** Somebody's machine on which a set is recovered by its RECOVER.md: stock tools, the keys in GnuPG, no Lifeboat. */
export interface RecoveryMachine extends AsyncDisposable, Pick<GnupgHome, "gpg"> {
  readonly env: Readonly<Record<string, string>>;
  /** Runs the page's `sh` blocks in order, as one script. Rejects when it fails. */
  follow(page: string, changes: Readonly<Record<string, string>>): Promise<{ stdout: string; stderr: string }>;
}

/**
 * The AWS CLI is started once and then called: one that starts for each object takes more time than all else that a page does.
 * @param binDir PostgreSQL's client tools
 */
export async function openRecoveryMachine(lab: BackupLab, binDir: string): Promise<RecoveryMachine> {
  await using opened = new AsyncDisposableStack();
  const home = opened.use(await openGnupgHome());
  const cli = await startAwsCli();
  opened.defer(() => cli.stop());
  const [signer] = lab.signers;
  for (const armored of [lab.operations.key.armor(), signer?.key.armor() ?? ""]) {
    await home.gpg(["--import"], Buffer.from(armored));
  }
  const { endpoint, region, accessKeyId, secretAccessKey } = sharedS3();
  const env = {
    PATH: [binDir, cli.folder, stockPath].join(delimiter),
    HOME: home.folder,
    GNUPGHOME: home.folder,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    S3_BACKUP_BUCKET: lab.bucket,
    SIGNING_FINGERPRINT: signer?.fingerprint ?? "",
  };
  const held = opened.move();
  return {
    ...{ env, gpg: home.gpg },
    follow(page, changes) {
      const script = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block).join("\n");
      const WORK = join(lab.folder, "recovery");
      return run("bash", ["-c", script], { cwd: lab.folder, env: { ...env, WORK, ...changes } });
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
