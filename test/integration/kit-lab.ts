import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { S3Client } from "@aws-sdk/client-s3";
import { lifeboat } from "../lab/command-line.ts";
import { createProject, dropProject, type LabProject, seedQimma } from "../lab/index.ts";
import { replicate } from "../lab/replicate.ts";
import type { S3Access } from "../lab/servers/s3.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type RunningStorage, seedFiles, startStorage, storageSettings } from "../lab/storage/index.ts";
import { backUp } from "./backup-lab.ts";
import { type FilesLab, openFilesLab } from "./files-lab.ts";

const run = promisify(execFile);

/** All that a machine has on which a kit is used: nothing that brings Node, Python or Lifeboat. */
const programs = [
  ...["bash", "curl", "gpg", "gpgconf", "zstd", "tar", "awk", "sed", "grep"],
  ...[
    "base64",
    "basename",
    "cat",
    "cp",
    "cut",
    "date",
    "dirname",
    "head",
    "mkdir",
    "mktemp",
    "mv",
    "od",
    "paste",
    "rm",
  ],
  ...["sha256sum", "sleep", "sort", "tail", "touch", "tr", "uniq", "wc"],
];

export interface KitEnded {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A project with files, its vault with a set and a snapshot, a kit of it, and a machine that has nothing but stock tools. */
export interface KitLab extends AsyncDisposable {
  readonly files: FilesLab;
  readonly source: LabProject;
  readonly storage: RunningStorage;
  readonly folder: string;
  /** Folders of the set and of the snapshot, and a bucket with what both vaults had when they were made. */
  readonly set: string;
  readonly snapshot: string;
  readonly replica: string;
  /** For those who meddle. */
  readonly client: S3Client;
  /** The one folder in PATH there. */
  readonly bin: string;
  /** A command of Lifeboat's, on another machine. */
  lifeboat(args: readonly string[], env?: Readonly<Record<string, string>>): ReturnType<typeof lifeboat>;
  /** Makes a kit and unpacks it. @returns the folder */
  newKit(name: string): Promise<string>;
  /** `bash recover.sh …` of an unpacked kit, with an empty environment but for these settings. */
  recover(kit: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<KitEnded>;
  /** A new, empty project, and its settings as a target's. */
  newTarget(name: string): Promise<{ readonly project: LabProject; readonly env: Record<string, string> }>;
}

/** @param prepare what is done to the project before it is backed up */
export async function openKitLab(
  rows: { readonly bytes: number },
  files: { readonly count: number },
  prepare: (source: LabProject) => Promise<void> = async () => {},
): Promise<KitLab> {
  const server = sharedPostgres(17);
  await using opened = new AsyncDisposableStack();
  const lab = opened.use(await openFilesLab());
  const { made: source, served: storage } = await newProject("source", opened);
  await seedQimma(source.postgresUrl, { ...rows, seed: 19, superuserUrl: source.superuserUrl });
  await seedFiles(source, storage, { ...files, bytes: 400_000, seed: 19 });
  await prepare(source);
  const { prefix: set } = await backUp(lab.sets, source.backupUrl);
  const { set: snapshot } = await lab.sync(source, storage);
  const replica = `${lab.sets.bucket}-replica`;
  await sharedS3().createBucket(replica);
  const client = sharedS3().client();
  opened.defer(() => client.destroy());
  for (const bucket of [lab.sets.bucket, lab.bucket]) await replicate({ client, bucket }, { client, bucket: replica });
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-kit-test-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const bin = await toolFolder(join(folder, "bin"), server.binDir);
  const key = join(folder, "operations key.asc");
  await writeFile(key, lab.sets.operations.key.armor(), { mode: 0o600 });
  const held = opened.move();
  return {
    ...{ files: lab, source, storage, folder, bin, set, snapshot: `snapshots/${snapshot}/`, replica, client },
    lifeboat: (args, env = {}) => lifeboat(args, { ...lab.env, ...env }),
    newKit: (name) => unpackedKit(lab.env, folder, name),
    recover(kit, args, env = {}) {
      const keyed = args.includes("--key") ? args : [...args, "--key", key];
      const buckets = { S3_BACKUP_BUCKET: lab.sets.bucket, S3_STORAGE_BUCKET: lab.bucket };
      const SIGNING_FINGERPRINT = lab.sets.signers[0]?.fingerprint ?? "";
      return runRecover({ bin, folder, kit }, keyed, sharedS3(), { ...buckets, SIGNING_FINGERPRINT, ...env });
    },
    async newTarget(name) {
      const { made, served } = await newProject(name, held);
      return {
        project: made,
        env: { TARGET_DATABASE_URL: made.postgresUrl, ...storageSettings(served, "TARGET") },
      };
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Makes a kit and unpacks it below a folder. @param env of the machine that has Lifeboat */
export async function unpackedKit(
  env: Readonly<Record<string, string>>,
  folder: string,
  name: string,
): Promise<string> {
  const out = join(folder, `${name}.tar`);
  const ended = await lifeboat(["kit", "build", "--out", out], env);
  if (ended.code !== 0) throw new Error(ended.stderr);
  const kit = join(folder, name);
  await mkdir(kit);
  await run("tar", ["-x", "-C", kit, "-f", out]);
  return kit;
}

/** Runs `recover.sh` of an unpacked kit: an empty environment but for the store's settings and these, one folder in PATH. */
export async function runRecover(
  { bin, folder, kit }: { readonly bin: string; readonly folder: string; readonly kit: string },
  args: readonly string[],
  s3: Pick<S3Access, "endpoint" | "region" | "accessKeyId" | "secretAccessKey">,
  env: Readonly<Record<string, string>>,
): Promise<KitEnded> {
  const settings = {
    ...{ PATH: bin, HOME: folder, AWS_ENDPOINT_URL: s3.endpoint, AWS_REGION: s3.region },
    ...{ AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey },
  };
  const options = { cwd: folder, env: { ...settings, ...env }, maxBuffer: 1 << 26 };
  return await run(join(bin, "bash"), [join(kit, "recover.sh"), ...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code = -1, stdout, stderr }: KitEnded) => ({ code, stdout, stderr }),
  );
}

async function newProject(name: string, opened: AsyncDisposableStack) {
  const { superuserUrl } = sharedPostgres(17);
  const made = await createProject(superuserUrl(), `kit_${name}_${process.pid}`);
  opened.defer(() => dropProject(superuserUrl(), made.name));
  const served = await startStorage(made);
  opened.defer(() => served.stop());
  return { made, served };
}

/** @param binDir PostgreSQL's client tools */
export async function toolFolder(folder: string, binDir: string): Promise<string> {
  await mkdir(folder);
  const path = (process.env["PATH"] ?? "").split(delimiter);
  for (const program of programs) await symlink(await found(program, path), join(folder, program));
  await symlink(join(binDir, "psql"), join(folder, "psql"));
  return folder;
}

async function found(program: string, path: readonly string[]): Promise<string> {
  for (const folder of path) {
    const there = await access(join(folder, program)).then(
      () => true,
      () => false,
    );
    if (there) return join(folder, program);
  }
  throw new Error(`There is no ${program} on this machine.`);
}

/** A text file of an unpacked kit. */
export async function readKit(kit: string, name: string): Promise<string> {
  return await readFile(join(kit, name), "utf8");
}
