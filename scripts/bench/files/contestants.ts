import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { toolProgram } from "../../setup/cache.mjs";
import { awsFolder } from "../../setup/moto.mjs";
import { rclone } from "../../setup/pins.mjs";
import { type Measured, measure } from "../measured-run.ts";
import { type FilesStage, sourceBucket } from "./stage.ts";

export const passes = ["first copy", "nothing changed"] as const;

/** One way to copy the files, once a round into a place that is empty: everything, and then again with nothing changed. */
export interface FilesContestant {
  readonly id: string;
  /** As the table names it. */
  readonly title: string;
  readonly ours: boolean;
  /** What the ratios are to. */
  readonly yardstick: boolean;
  /** Makes an empty place to copy to, and gives back one pass over the source. */
  prepare(round: number): Promise<(pass: (typeof passes)[number]) => Promise<Measured>>;
}

const cli = new URL("../../lifeboat.ts", import.meta.url).pathname;

export function gatherFiles(stage: FilesStage, count: number): FilesContestant[] {
  return [rcloneCrypt(stage), awsSync(stage), ours(stage, count)];
}

function rcloneCrypt(stage: FilesStage): FilesContestant {
  const program = toolProgram(rclone);
  const { endpoint, region, accessKeyId, secretAccessKey } = stage.s3;
  const password = execFileSync(program, ["obscure", "a password of the bench"]).toString().trim();
  const remote = (name: string) => ({
    [`RCLONE_CONFIG_${name}_TYPE`]: "s3",
    [`RCLONE_CONFIG_${name}_PROVIDER`]: "SeaweedFS",
    [`RCLONE_CONFIG_${name}_ENDPOINT`]: endpoint,
    [`RCLONE_CONFIG_${name}_REGION`]: region,
    [`RCLONE_CONFIG_${name}_ACCESS_KEY_ID`]: accessKeyId,
    [`RCLONE_CONFIG_${name}_SECRET_ACCESS_KEY`]: secretAccessKey,
  });
  return {
    ...{ id: "rclone", title: "rclone sync through rclone crypt, 16 transfers", ours: false, yardstick: true },
    async prepare(round) {
      const bucket = await stage.emptyBucket(`rival-rclone-${round}`, { lock: false });
      const env = {
        ...{ ...remote("SRC"), ...remote("VAULT"), RCLONE_CONFIG: join(stage.folder, "rclone.conf") },
        ...{ RCLONE_CONFIG_SEALED_TYPE: "crypt", RCLONE_CONFIG_SEALED_REMOTE: `vault:${bucket}` },
        RCLONE_CONFIG_SEALED_PASSWORD: password,
      };
      const args = ["sync", `src:${sourceBucket}`, "sealed:", "--transfers", "16", "--checkers", "16"];
      return () => measure({ program, args, env, servers: stage.servers });
    },
  };
}

/** Supabase's store and the vault are two stores, between which the AWS CLI copies by way of a folder. */
function awsSync(stage: FilesStage): FilesContestant {
  return {
    ...{ id: "aws", title: "aws s3 sync down and up (not sealed)", ours: false, yardstick: false },
    async prepare(round) {
      const bucket = await stage.emptyBucket(`rival-aws-${round}`, { lock: false });
      const folder = join(stage.folder, `aws-${round}`);
      mkdirSync(folder);
      const env = { ...stage.settings, AWS: join(awsFolder(), "aws"), FROM: sourceBucket, TO: bucket };
      const line = '"$AWS" s3 sync --quiet "s3://$FROM" . && "$AWS" s3 sync --quiet . "s3://$TO"';
      return () => measure({ program: "bash", args: ["-e", "-c", line], env, cwd: folder, servers: stage.servers });
    },
  };
}

function ours(stage: FilesStage, count: number): FilesContestant {
  return {
    ...{ id: "sync", title: "lifeboat sync", ours: true, yardstick: false },
    async prepare(round) {
      const bucket = await stage.emptyBucket(`files-vault-${round}`, { lock: true });
      const env = { ...stage.settings, S3_STORAGE_BUCKET: bucket };
      return async (pass) => {
        const args = [cli, "sync", "--json"];
        const run = await measure({ program: process.execPath, args, env, servers: stage.servers });
        assertCopied(run.stdout, pass === "first copy" ? count : 0);
        return run;
      };
    },
  };
}

/** A pass that copied something else than it was to copy is not one to time. */
function assertCopied(stdout: string, wanted: number): void {
  const { counts } = JSON.parse(stdout) as { counts: { filesCopied: number } };
  if (counts.filesCopied !== wanted) throw new Error(`lifeboat sync copied ${counts.filesCopied} files, not ${wanted}`);
}
