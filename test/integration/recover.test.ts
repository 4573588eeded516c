import { execFile, execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openVault, type Vault } from "../../actions/lib/vault/client.ts";
import { type Manifest, setPrefix } from "../../actions/lib/vault/manifest.ts";
import { compareDatabases, createProject, dropProject, execute, type LabProject, seedQimma } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/shared.ts";
import { newTestKey, type TestKey } from "./assembled-set.ts";
import { backUpForTest } from "./real-set.ts";

const run = promisify(execFile);
const tools = ["aws", "gpg", "zstd", "sha256sum", "awk", "bash"];

/**
 * What belongs to the target's own set-up: its superuser, who owns the built-in languages, and the database's owner and
 * privileges, which the page leaves to the reader.
 */
const ofTheCluster =
  /^(role (owner|lab_superuser)|database this one|grant \w+ on (database|language (sql|plpgsql)) to ).*:/;

/** The blocks of the page that a person would run, in order. */
function scriptOf(page: string): string {
  return [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block).join("\n");
}

test("the tools that RECOVER.md asks for are here: without them nothing below would be proved", () => {
  for (const tool of tools) execFileSync("bash", ["-c", `command -v ${tool}`], { stdio: "ignore" });
});

describe.each([17, 15] as const)("RECOVER.md of a set of PostgreSQL %i, run as a script", (major) => {
  const name = `recover_${randomBytes(4).toString("hex")}`;
  const bucket = name.replace("_", "-");
  let source: LabProject;
  let target: RunningPostgres;
  let vault: Vault;
  let signing: TestKey;
  let recipient: TestKey;
  let manifest: Manifest;
  let script: string;
  let folder: string;
  let env: Record<string, string>;

  beforeAll(async () => {
    const server = sharedPostgres(major);
    const { endpoint, region, accessKeyId, secretAccessKey, createBucket } = sharedS3();
    [target, signing, recipient] = await Promise.all([
      startPostgres(major, { superuser: "owner" }),
      newTestKey("signing"),
      newTestKey("escrow"),
      createBucket(bucket),
    ]);
    source = await createProject(server.superuserUrl(), name);
    await seedQimma(source.postgresUrl, { bytes: 3_000_000, seed: 11 });
    vault = openVault({ bucket, endpoint, region, credentials: { accessKeyId, secretAccessKey } });
    const from = { url: source.superuserUrl, binDir: server.binDir };
    ({ manifest } = await backUpForTest(from, { vault, signing, recipient }));
    const { body } = await vault.get(`${setPrefix(manifest.tier, manifest.set)}RECOVER.md`);
    script = scriptOf(Buffer.from(body).toString());

    folder = await mkdtemp(join(tmpdir(), "rec-"));
    const passphrase = join(folder, "passphrase");
    await writeFile(passphrase, recipient.passphrase, { mode: 0o600 });
    env = {
      PATH: [server.binDir, process.env["PATH"]].join(delimiter),
      HOME: folder,
      GNUPGHOME: folder,
      GPG: `gpg --batch --pinentry-mode loopback --passphrase-file ${passphrase}`,
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      S3_BACKUP_BUCKET: bucket,
      SIGNING_FINGERPRINT: signing.unlocked.fingerprint,
    };
    for (const armored of [recipient.privateArmored, signing.unlocked.key.toPublic().armor()]) {
      const file = join(folder, "key.asc");
      await writeFile(file, armored);
      await run("bash", ["-c", `$GPG --quiet --import ${file}`], { env });
    }
  });

  afterAll(async () => {
    vault?.close();
    if (folder !== undefined) {
      await run("gpgconf", ["--kill", "all"], { env }).catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    }
    await target?.stop();
    await dropProject(sharedPostgres(major).superuserUrl(), name);
  });

  function recover(
    database: string,
    changes: Record<string, string> = {},
  ): Promise<{ stdout: string; stderr: string }> {
    const TARGET_DATABASE_URL = target.superuserUrl(database);
    const WORK = join(folder, database);
    return run("bash", ["-c", script], { cwd: folder, env: { ...env, TARGET_DATABASE_URL, WORK, ...changes } });
  }

  test("gives an empty plain Postgres everything that the source had", async () => {
    await execute(target.superuserUrl(), "create database whole template template0 encoding 'UTF8'");
    const { stdout, stderr } = await recover("whole");
    expect(stdout).toContain("whole: ");
    expect(stderr).toMatch(/\d+ tables hold exactly the rows that they held at the backup/);
    const differences = await compareDatabases(source.superuserUrl, target.superuserUrl("whole"));
    const unexplained = differences.filter((line) => !ofTheCluster.test(line));
    // A materialised view that was stale is computed anew.
    expect(unexplained).toEqual([expect.stringMatching(/^rows public\.stale_roles: left 3 rows .* right 4 rows /)]);
  });

  test("stops before the target is touched when an object is not what the manifest says", async () => {
    await execute(target.superuserUrl(), "create database untouched template template0 encoding 'UTF8'");
    const artifact = setPrefix(manifest.tier, manifest.set) + (manifest.artifacts[1]?.name ?? "");
    const { body } = await vault.get(artifact);
    await vault.put(artifact, Buffer.concat([body.subarray(0, -1), Buffer.from([0])]));
    await expect(recover("untouched")).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining("FAILED") });
    await vault.put(artifact, body);
    await expect(recover("untouched", { SIGNING_FINGERPRINT: "0".repeat(40) })).rejects.toMatchObject({ code: 1 });
    const tables = `psql -X -At -d "$URL" -c "select count(*) from pg_class where oid >= 16384"`;
    const looked = await run("bash", ["-c", tables], { env: { ...env, URL: target.superuserUrl("untouched") } });
    expect(looked.stdout.trim()).toBe("0");
  });
});
