import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { Tier } from "../../../actions/lib/vault/format/manifest.ts";
import { type BackupLab, backUp, openBackupLab } from "../../integration/backup-lab.ts";
import { recoverPageOf } from "../../integration/recovery-lab.ts";
import { openRecoveryMachine, type RecoveryMachine } from "../../integration/recovery-machine.ts";
import { execute, withClient } from "../../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../../lab/servers/started.ts";
import type { FaultRow, Seen } from "./row.ts";

/** What somebody has who can write to the bucket and knows the public keys: everything but a private key. */
export interface BucketWriter {
  /** `database/<tier>/<set>/` that is to be recovered. */
  readonly prefix: string;
  /** Of an older set of the same project, rightly signed. */
  readonly older: string;
  /** Every object of the set. */
  readonly names: readonly string[];
  /** zstd of a script that runs a program as soon as psql obeys it. */
  readonly script: Buffer;
  get(key: string): Promise<{ body: Buffer; metadata: Record<string, string> }>;
  put(key: string, body: Uint8Array, metadata?: Record<string, string>): Promise<void>;
  remove(key: string): Promise<void>;
  /** Of the true signing key. */
  readonly fingerprint: string;
  /** To the operations key, whose public half everybody knows. */
  seal(input: Uint8Array): Promise<Buffer>;
  /** In the keyring of whoever follows the page: keys that the attacker has got in there are known, not trusted. */
  gpg(args: readonly string[], input: Uint8Array): Promise<Buffer>;
}

export interface RecoverRow extends FaultRow<BucketWriter, void> {
  readonly tier: Tier;
  /** What the person gives as SIGNING_FINGERPRINT, where it is not the true one. */
  readonly fingerprint?: string;
}

type Sets = ReadonlyMap<Tier, { readonly prefix: string; readonly older: string; readonly page: string }>;

/** Two sets of a small database, and somebody who recovers the newer one by an untampered page. */
export class RecoverScene implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #lab: BackupLab;
  readonly #client: S3Client;
  readonly #machine: RecoveryMachine;
  readonly #sets: Sets;
  #count = 0;

  private constructor(
    stack: AsyncDisposableStack,
    lab: BackupLab,
    client: S3Client,
    machine: RecoveryMachine,
    sets: Sets,
  ) {
    this.#stack = stack;
    this.#lab = lab;
    this.#client = client;
    this.#machine = machine;
    this.#sets = sets;
  }

  static async open(): Promise<RecoverScene> {
    await using stack = new AsyncDisposableStack();
    const server = sharedPostgres(17);
    const name = `attacked_${process.pid}`;
    const lab = stack.use(await openBackupLab(sharedS3()));
    const client = stack.adopt(sharedS3().client(), (one) => one.destroy());
    const machine = stack.use(await openRecoveryMachine(lab, server.binDir));
    await execute(server.superuserUrl(), `create database ${name}`);
    const url = server.superuserUrl(name);
    await execute(url, "create table marks as select n as id, md5(n::text) as mark from generate_series(1, 500) n");
    const sets = new Map<Tier, { prefix: string; older: string; page: string }>();
    for (const tier of ["daily", "monthly"] as const) {
      const older = (await backUp(lab, url, { tier })).prefix;
      const { prefix } = await backUp(lab, url, { tier });
      sets.set(tier, { prefix, older, page: await recoverPageOf(lab.vault, prefix) });
    }
    await execute(server.superuserUrl(), `drop database ${name} with (force)`);
    return new RecoverScene(stack.move(), lab, client, machine, sets);
  }

  /** The page is followed on the attacked set; then the bucket is what it was. */
  async run(row: RecoverRow): Promise<Seen> {
    const set = this.#sets.get(row.tier);
    if (set === undefined) throw new Error(`no set of tier ${row.tier}`);
    const before = new Set((await this.#versions()).map(({ versionId }) => versionId));
    await row.inject(await this.#writer(set));
    const server = sharedPostgres(17);
    const database = `recovered_${process.pid}_${++this.#count}`;
    await execute(server.superuserUrl(), `create database ${database} template template0`);
    const folder = await mkdtemp(join(tmpdir(), "lifeboat-attack-"));
    await mkdir(join(folder, "work"));
    const argumentsFile = join(folder, "arguments");
    try {
      const followed = await this.#machine
        .follow(set.page, {
          ...{
            TARGET_DATABASE_URL: server.superuserUrl(database),
            WORK: join(folder, "work"),
            PWNED: join(folder, "pwned"),
            ...(await watchedTools(join(folder, "tools"), this.#machine.env["PATH"] ?? "", argumentsFile)),
          },
          ...(row.fingerprint !== undefined && { SIGNING_FINGERPRINT: row.fingerprint }),
        })
        .then(
          () => true,
          () => false,
        );
      const obeyed = await access(join(folder, "pwned")).then(
        () => true,
        () => false,
      );
      const seen = await readFile(argumentsFile, "utf8").catch(() => "");
      const { password } = new URL(server.superuserUrl(database));
      const tables = await tablesIn(server.superuserUrl(database));
      const broken = [
        ...(seen.includes(password) ? ["the password is in the list of processes"] : []),
        ...(followed && !/^psql .*dbname/m.test(seen) ? ["nobody saw psql"] : []),
        ...(obeyed ? ["a program of the attacker's was run"] : []),
        ...tables.filter((table) => table !== "marks").map((table) => `the target holds the attacker's ${table}`),
        ...(!followed && tables.length > 0 ? ["the page stopped when the target was written"] : []),
      ];
      const falseSuccess = followed && row.outcome !== "success";
      const outcome = followed ? (falseSuccess ? "false success" : "success") : "refused, target untouched";
      return { outcome, code: undefined, broken, falseSuccess };
    } finally {
      await rm(folder, { recursive: true, force: true });
      await execute(server.superuserUrl(), `drop database ${database} with (force)`);
      for (const { key, versionId } of await this.#versions()) {
        if (before.has(versionId)) continue;
        await this.#client.send(new DeleteObjectCommand({ Bucket: this.#lab.bucket, Key: key, VersionId: versionId }));
      }
    }
  }

  async #versions(): Promise<{ key: string; versionId: string }[]> {
    const found = await this.#client.send(new ListObjectVersionsCommand({ Bucket: this.#lab.bucket }));
    return [...(found.Versions ?? []), ...(found.DeleteMarkers ?? [])].map(({ Key = "", VersionId = "" }) => ({
      key: Key,
      versionId: VersionId,
    }));
  }

  async #writer({ prefix, older }: { prefix: string; older: string }): Promise<BucketWriter> {
    const Bucket = this.#lab.bucket;
    const all = (await this.#versions()).map(({ key }) => key);
    return {
      ...{ prefix, older, script: zstdCompressSync(script), fingerprint: this.#lab.signers[0]?.fingerprint ?? "" },
      names: [...new Set(all.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length)))],
      get: async (Key) => {
        const { Body, Metadata } = await this.#client.send(new GetObjectCommand({ Bucket, Key }));
        return { body: Buffer.from((await Body?.transformToByteArray()) ?? []), metadata: Metadata ?? {} };
      },
      put: async (Key, Body, Metadata) => {
        await this.#client.send(new PutObjectCommand({ Bucket, Key, Body, ...(Metadata && { Metadata }) }));
      },
      remove: async (Key) => {
        await this.#client.send(new DeleteObjectCommand({ Bucket, Key }));
      },
      gpg: (args, input) => this.#machine.gpg(["--trust-model", "always", ...args], input),
      seal: (input) =>
        this.#machine.gpg(
          ["--trust-model", "always", "--recipient", this.#lab.operations.fingerprint, "--encrypt"],
          input,
        ),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** Before each tool one of its name that notes what everybody can read in the list of processes. */
async function watchedTools(folder: string, path: string, into: string): Promise<Record<string, string>> {
  await mkdir(folder);
  for (const name of ["psql", "pg_restore", "aws", "gpg", "zstd"]) {
    const body = `#!/bin/bash\nprintf '%s\\n' "${name} $*" >> "$ARGUMENTS"\nPATH="$TOOLS" exec ${name} "$@"\n`;
    await writeFile(join(folder, name), body, { mode: 0o755 });
  }
  return { ARGUMENTS: into, TOOLS: path, PATH: `${folder}:${path}` };
}

/** Obeyed as a command of psql's, or as SQL by a superuser. */
const script = `\\! touch "$PWNED"
create table pwned ();
select 1 \\g | touch "$PWNED"
`;

async function tablesIn(url: string): Promise<string[]> {
  const { rows } = await withClient(url, (client) =>
    client.query("select relname from pg_class where oid >= 16384 and relkind = 'r' and relpersistence <> 't'"),
  );
  return rows.map(({ relname }) => String(relname));
}
