import { appendFile, cp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { execute } from "../lab/index.ts";
import { startAwsCli } from "../lab/servers/aws-cli.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { newTestKey } from "./assembled-set.ts";
import { type KitLab, openKitLab, readKit } from "./kit-lab.ts";
import { laySigned } from "./signed-set.ts";

let lab: KitLab;
let kit: string;

beforeAll(async () => {
  // Made by superusers, or by what is no extension in the lab: no restore of a project has them (RECOVER.md's test).
  lab = await openKitLab({ bytes: 1_000_000 }, { count: 30 }, async ({ superuserUrl }) => {
    await execute(superuserUrl, "delete from cron.job; drop event trigger note_new_tables");
  });
  kit = await lab.newKit(`a kit's "folder"`);
});
afterAll(() => lab?.[Symbol.asyncDispose]());

describe("a kit, on a machine with bash, curl, gpg, zstd, tar and psql alone", () => {
  test("brings back database and files, equal by a second opinion, also where the bucket has lost the keys", async () => {
    const { sets, bucket } = lab.files;
    const lost = [`${lab.set}keys.pgp`, `${lab.snapshot}keys.pgp`] as const;
    // Replaced by somebody who holds no key, and hidden.
    await sets.vault.put(lost[0], Buffer.from("nobody's"));
    await lab.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: lost[1] }));
    // Nobody's names obey.
    const hostile = [
      "database/daily/$(touch pwned)/manifest.json",
      "database/daily/20991231T000000Z-ffffffff\n/manifest.json",
    ];
    for (const key of [...hostile, "database/daily/20991231T000000Z-0000000'/manifest.json"])
      await sets.vault.put(key, Buffer.from("{}"));
    const target = await lab.newTarget("whole");
    const rehearsed = await lab.recover(kit, ["all", "--dry-run"], target.env);
    expect(rehearsed, rehearsed.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("which is empty") });
    const done = await lab.recover(kit, ["all", "--work", "work; touch pwned"], target.env);
    expect(done, done.stderr).toMatchObject({ code: 0 });
    expect(await readdir(lab.folder)).not.toContain("pwned");
    expect(done.stdout).toMatch(/^sent: 30 files, 0 of them not as they were/m);
    for (const key of lost)
      expect(done.stderr).toContain(`${key}: gone from the bucket, or not as it was signed; the kit has it`);
    const proven = await lab.lifeboat(["prove", "latest", "--with-files", "--json"], {
      ...{ ...target.env, S3_BACKUP_BUCKET: lab.replica, S3_STORAGE_BUCKET: lab.replica },
    });
    expect(proven, proven.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(proven.stdout)).toMatchObject({ outcome: "equal" });
    // What is in use by now is no place to recover into, and that is told before anything is fetched.
    const again = await lab.recover(kit, ["database"], target.env);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("the target is not empty") });
  });

  test("with aws in the place of curl takes the files out of the replica into a folder, and lists what is there", async () => {
    await using stack = new AsyncDisposableStack();
    const cli = await startAwsCli();
    stack.defer(() => cli.stop());
    const PATH = `${lab.bin}:${cli.folder}`;
    const listed = await lab.recover(kit, ["list", "--bucket", lab.replica], { PATH });
    expect(listed, listed.stderr).toMatchObject({ code: 0, stdout: expect.stringMatching(/daily\/ +signed$/m) });
    expect(listed.stdout).toMatch(/snapshots\/ +signed$/m);
    const out = join(lab.folder, "taken out");
    const taken = await lab.recover(kit, ["files", "--bucket", lab.replica, "--to", out, "--work", "taken"], { PATH });
    expect(taken, taken.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("whole: 30 files") });
    expect((await readKit(out, "plan.tsv")).trimEnd().split("\n")).toHaveLength(30);
  });
});

describe("a kit's script stops with a sentence, before anything is written,", () => {
  const anywhere = { TARGET_DATABASE_URL: "postgresql://postgres@127.0.0.1:1/none" };
  const refused = async (args: readonly string[], says: string, env: Record<string, string> = {}, from = kit) => {
    const ended = await lab.recover(from, args, { ...anywhere, ...env });
    expect({ code: ended.code, said: ended.stdout + ended.stderr }).toMatchObject({
      code: 1,
      said: expect.stringContaining(says),
    });
  };
  const changed = async (name: string, change: (folder: string) => Promise<unknown>): Promise<string> => {
    const copy = join(lab.folder, name);
    await cp(kit, copy, { recursive: true });
    await change(copy);
    return copy;
  };
  /** A bucket in which somebody who holds no key, or an old copy of one, has put these objects. */
  const bucketOf = async (name: string, objects: Readonly<Record<string, Uint8Array>>): Promise<string> => {
    const bucket = `${lab.files.sets.bucket}-${name}`;
    await sharedS3().createBucket(bucket);
    using vault = openVault(sharedS3().bucketAccess(bucket));
    for (const [key, body] of Object.entries(objects)) await vault.put(key, body);
    return bucket;
  };
  const own = async (name: string): Promise<Uint8Array> => (await lab.files.sets.vault.get(lab.set + name)).body;
  const later = "database/daily/20991231T235959Z-ffffffff/";

  test("at a kit of another project, one that somebody has changed, and a key that opens nothing", async () => {
    const stranger = await newTestKey("operations");
    await refused(["list"], "this kit does not know the signing key", { SIGNING_FINGERPRINT: "AB".repeat(20) });
    const touched = await changed("touched", (folder) => appendFile(join(folder, "sets.tsv"), "x\n"));
    await refused(["list"], "this kit is not whole", {}, touched);
    const resummed = await changed("resummed", (folder) => appendFile(join(folder, "SHA256SUMS"), "x\n"));
    await refused(["list"], "SHA256SUMS bears no good signature", { SIGNING_FINGERPRINT: "kit" }, resummed);
    const key = join(lab.folder, "strange.asc");
    await writeFile(key, stranger.unlocked.key.armor());
    await refused(["database", "--bucket", lab.replica, "--key", key], "no private key here opens set");
  });

  test("at a newest set that is unsigned, an older one's, hidden, or exchanged; an older one is taken when it is named", async () => {
    const { vault, bucket } = lab.files.sets;
    const named = ["database", "--set", lab.set.split("/")[2] ?? "", "--dry-run"];
    await vault.put(`${later}manifest.json`, Buffer.from("{}"));
    await refused(["database"], `${later.slice(0, -1)} is not signed`);
    await refused(["database"], "an older one is taken when it is named");
    await vault.put(`${later}manifest.json`, await own("manifest.json"));
    await vault.put(`${later}manifest.json.sig`, await own("manifest.json.sig"));
    await refused(["database"], "is the one of another set");
    await lab.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: `${later}manifest.json` }));
    await refused(["database"], "is hidden by a delete marker");
    await refused(named, "the target is not reached");
    const signing = await readPrivateKey(
      lab.files.env["BACKUP_SIGNING_KEY"] ?? "",
      lab.files.env["BACKUP_SIGNING_PASSPHRASE"],
    );
    const manifest = Buffer.concat([await own("manifest.json"), Buffer.from("\n")]);
    const exchanged = await bucketOf("exchanged", {
      [`${lab.set}manifest.json`]: manifest,
      [`${lab.set}manifest.json.sig`]: Buffer.from(await signDetached(manifest, signing)),
    });
    await refused(["database", "--bucket", exchanged], "another than the one that this kit knows");
  });

  test("at a bucket that was put back to before a set that it knows", async () => {
    const before = await bucketOf("before", {});
    using vault = openVault(sharedS3().bucketAccess(before));
    const signing = await readPrivateKey(
      lab.files.env["BACKUP_SIGNING_KEY"] ?? "",
      lab.files.env["BACKUP_SIGNING_PASSPHRASE"],
    );
    const { set } = await laySigned(vault, signing, { at: new Date("2026-01-01T00:00:00Z") });
    await refused(["database", "--bucket", before], `has nothing newer than ${set}, and this kit knows`);
  });

  test("at a part that is not what the manifest says", async () => {
    using vault = openVault(sharedS3().bucketAccess(lab.replica));
    await vault.put(`${lab.set}inventory.json.zst.pgp`, await own("roles.sql.zst.pgp"));
    await refused(["database", "--bucket", lab.replica], "is not the one that the manifest names");
  });
});
