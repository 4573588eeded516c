import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kitContents, tarOrder } from "../../actions/lib/operations/kit/contents.ts";
import { inspectNewest, type KitWorld } from "../../actions/lib/operations/kit/inspect.ts";
import { tarOf } from "../../actions/lib/operations/kit/kit-file.ts";
import { removeRecords } from "../../actions/lib/operations/retention/records.ts";
import { readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import { readPrivateKey, type UnlockedKey } from "../../actions/lib/seal/keys/private-key.ts";
import {
  keysSignatureMetadata,
  newSessionKey,
  signKeysFile,
  wrapSessionKey,
} from "../../actions/lib/seal/keys/session-key.ts";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { retentionOf } from "../../actions/lib/vault/bucket/lock.ts";
import { setPrefix, type Tier } from "../../actions/lib/vault/format/manifest.ts";
import { hashOf, type Kit, keptKits, kitIndex, openKit, publishKit } from "../../actions/lib/vault/kits.ts";
import { lifeboat } from "../lab/command-line.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { newTestKey } from "./assembled-set.ts";
import { type BackupLab, keysIn, openBackupLab } from "./backup-lab.ts";
import { idAt, publishSigned } from "./signed-set.ts";

const day = 86_400_000;
let lab: BackupLab;
let signing: UnlockedKey;
let env: Record<string, string>;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  env = lab.env("postgresql://lifeboat:a-password-of-the-source@127.0.0.1:1/x");
  signing = await readPrivateKey(env["BACKUP_SIGNING_KEY"] ?? "", env["BACKUP_SIGNING_PASSPHRASE"]);
  expect((await kit(["build"])).json).toEqual({ outcome: "empty" });
  await lay("daily", new Date(Date.now() - 5 * 3_600_000));
  await lay("monthly", new Date(Date.now() - 40 * day));
});
afterAll(() => lab?.[Symbol.asyncDispose]());

/** A set with keys as a backup leaves them. */
async function lay(tier: Tier, at: Date): Promise<string> {
  const { set } = await publishSigned(lab, { tier, at });
  await sealKeys(tier, set);
  return setPrefix(tier, set);
}

async function sealKeys(tier: Tier, set: string): Promise<void> {
  const { recipients } = await readKeyring(lab.publicKeys);
  const keys = await wrapSessionKey(newSessionKey(), recipients);
  const metadata = { [keysSignatureMetadata]: await signKeysFile(set, keys, signing) };
  await lab.vault.put(`${setPrefix(tier, set)}keys.pgp`, keys, { metadata });
}

async function kit(args: readonly string[], more: Record<string, string> = {}) {
  const ended = await lifeboat(["kit", ...args, "--json"], { ...env, ...more });
  return { ...ended, json: ended.stdout === "" ? {} : JSON.parse(ended.stdout) };
}

const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, lab.signers);
const findings = async (change: Partial<KitWorld> = {}): Promise<string[]> => {
  const config = await lab.config("postgresql://x@127.0.0.1:1/x");
  const world = { vault: lab.vault, files: undefined, replica: undefined, verify, config, deep: true, now: new Date() };
  const inspected = await inspectNewest({ ...world, there: async () => [], ...change });
  return inspected.findings.map(({ name }) => name);
};

/** Another kit, signed, newer than all others: somebody's mistake, or one of another time. */
async function publishOther(files: ReadonlyMap<string, Uint8Array>, change: Partial<Kit>, key = signing): Promise<Kit> {
  const sums = [...files].map(([name, bytes]) => `${hashOf(bytes)}  ${name}\n`).join("");
  const index = Buffer.from(sums);
  const contents = { files, index, keys: [] };
  const tar = tarOf(tarOrder(contents, await signDetached(index, key)));
  newest += 60_000;
  const at = new Date(newest);
  const keys = lab.signers.map(({ fingerprint }) => fingerprint);
  const other: Kit = {
    ...{ format: "lifeboat-kit/1", kit: idAt(at), madeAt: at.toISOString(), bytes: tar.length, sha256: hashOf(tar) },
    ...{ contents: hashOf(index), folders: [], keys, ...change },
  };
  await publishKit(lab.vault, other, tar, (bytes) => signDetached(bytes, key), null);
  return other;
}
let newest = Date.now();

describe("lifeboat kit", () => {
  let tar: string;
  let made: Kit;

  test("has none to check at first, and says how one is made", async () => {
    expect(await kit(["check"])).toMatchObject({ code: 1, json: { kit: null, findings: [{ name: "kit-missing" }] } });
    expect(await kit(["fetch", "--out", join(lab.folder, "none.tar")])).toMatchObject({ code: 2 });
  });

  test("makes one that is signed, locked and whole, by stock tools too, once a month, the same for the same vault", async () => {
    tar = join(lab.folder, "stick.tar");
    const built = await kit(["build", "--once-per", "month", "--out", tar]);
    expect(built, built.stderr).toMatchObject({ code: 0, json: { outcome: "made", lacking: [], leftOut: [] } });
    made = built.json;
    const keys = await keysIn(lab.vault, "kit/");
    expect(keys).toHaveLength(3);
    for (const key of keys) expect((await retentionOf(lab.vault, key))?.until.getTime()).toBeGreaterThan(Date.now());
    const by = `tar -xf stick.tar --one-top-level=stick && cd stick && sha256sum --check --quiet SHA256SUMS && find . -type f | wc -l`;
    const files = Number(execFileSync("bash", ["-c", by], { cwd: lab.folder, encoding: "utf8" }));
    expect(files).toBe((await openKit(await readFile(tar), verify)).files.size);
    expect(await kit(["build", "--once-per", "month"])).toMatchObject({ code: 0, json: { outcome: "there" } });
    expect((await kit(["build", "--dry-run"])).json).toMatchObject({ outcome: "would-make", contents: made.contents });
    expect(await kit(["build", "--out", tar])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is there already"),
    });
    expect(await kit(["check"])).toMatchObject({ code: 0, json: { findings: [] } });
    expect(await kit(["check", "--file", tar])).toMatchObject({ code: 0, json: { kit: { kit: made.kit } } });
  });

  test("holds the script that verifies the audit trail: with the kit's own keys, and a head that a report told", async () => {
    const trail = join(lab.folder, "trail");
    const entries = await keysIn(lab.vault, "audit/");
    expect(entries.length).toBeGreaterThan(0);
    for (const key of entries) {
      await mkdir(join(trail, dirname(key)), { recursive: true });
      await writeFile(join(trail, key), (await lab.vault.get(key)).body);
    }
    const last = await readFile(join(trail, entries.toSorted().at(-1) ?? ""));
    const by = (head: string) =>
      spawnSync("bash", ["stick/verify-audit.sh", trail, "--keys", "stick/public-keys.asc", "--head", head], {
        ...{ cwd: lab.folder, encoding: "utf8" },
      });
    const whole = by(`${entries.length}:${hashOf(last)}`);
    expect(whole, whole.stdout + whole.stderr).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/unsigned 0\nwhole\n$/),
    });
    expect(by(`${entries.length}:${"0".repeat(64)}`)).toMatchObject({
      ...{ status: 1, stdout: expect.stringContaining(`first ${entries.length} false\n`) },
    });
  });

  test("puts nothing secret into it, and a page of runbooks whose links all lead somewhere in it", async () => {
    const { files, problems } = await openKit(await readFile(tar), verify);
    expect(problems).toEqual([]);
    const secrets = [
      "PRIVATE KEY",
      "a-password-of-the-source",
      env["AWS_SECRET_ACCESS_KEY"],
      env["BACKUP_SIGNING_PASSPHRASE"],
    ];
    for (const [name, bytes] of files)
      for (const secret of secrets) expect([name, bytes.includes(secret ?? "")]).toEqual([name, false]);
    const page = files.get("RUNBOOKS.md")?.toString() ?? "";
    const anchors = new Set([...page.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id));
    expect(anchors.has("contacts-md")).toBe(true);
    const links = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
    expect(
      links.filter((target) => target.startsWith("#") && !anchors.has(target.slice(1)) && /-(?:md|sql)$/.test(target)),
    ).toEqual([]);
    expect(links.filter((target) => !/^(?:https?:|mailto:|#)/.test(target))).toEqual([]);
  });

  test("is small: seven years of sets and of copies of the files", async () => {
    const config = await lab.config("postgresql://x@127.0.0.1:1/x");
    const { recipients } = await readKeyring(lab.publicKeys);
    const keys = await wrapSessionKey(newSessionKey(), recipients);
    const signature = Buffer.from(await signKeysFile("x", keys, signing));
    // 30 days of three, 12 weeks, 84 months; of the files as many.
    const folders = Array.from(
      { length: 186 },
      (_, n) => `database/daily/20260101T000000Z-${String(n).padStart(8, "0")}/`,
    );
    const runs = folders.map((folder) => folder.replace("database/daily", "snapshots"));
    const file = (names: readonly string[]) => (folder: string) =>
      names.flatMap((name): [string, Uint8Array][] => [
        [folder + name, keys],
        [`${folder}${name}.sig`, signature],
      ]);
    const files = new Map([
      ...folders.flatMap(file(["keys.pgp", "secrets.pgp"])),
      ...runs.flatMap(file(["keys.pgp", "index.keys.pgp"])),
    ]);
    const manifests = [...folders, ...runs].map((folder) => [folder, "0".repeat(64)] as const);
    const gathered = { files, manifests, folders: [...folders, ...runs], leftOut: [], lacking: [] };
    const contents = await kitContents(config, gathered, "");
    const bytes = tarOf(tarOrder(contents, "x".repeat(500))).length;
    // 1.9 MB, of which the runbooks are 0.2.
    expect(bytes).toBeLessThan(2_500_000);
  });

  test("is made again in the same month when a key was replaced", async () => {
    const successor = await newTestKey("signing");
    const [fingerprint = ""] = successor.signers.map((one) => one.fingerprint);
    const policy = JSON.parse(await readFile(env["LIFEBOAT_POLICY"] ?? "", "utf8"));
    policy.keys.signing.unshift(fingerprint);
    const path = join(lab.folder, "rotated.json");
    await writeFile(path, JSON.stringify(policy));
    const rotated = {
      ...{ LIFEBOAT_POLICY: path, BACKUP_SIGNING_KEY: successor.unlocked.key.armor(), BACKUP_SIGNING_PASSPHRASE: "" },
      BACKUP_PUBLIC_KEYS: `${lab.publicKeys}\n${successor.unlocked.key.toPublic().armor()}`,
    };
    const names = (ended: Awaited<ReturnType<typeof kit>>) =>
      ended.json.findings.map(({ name }: { name: string }) => name);
    expect(names(await kit(["check"], rotated))).toEqual(["kit-before-key"]);
    const again = await kit(["build", "--once-per", "month"], rotated);
    expect(again, again.stderr).toMatchObject({ code: 0, json: { outcome: "made" } });
    expect(names(await kit(["check"], rotated))).toEqual([]);
    // Whoever has not that key yet sees that somebody else has signed the newest, and takes the one before.
    expect(names(await kit(["check"]))).toContain("kit-untrusted");
    const taken = await kit(["fetch", "--out", join(lab.folder, "untrusted.tar")]);
    expect(taken).toMatchObject({ code: 2, stderr: expect.stringContaining("is not to be trusted") });
  });

  test("names everything that is wrong with one", async () => {
    const { files } = await openKit(await readFile(tar), verify);
    const own = new Map([...files].filter(([name]) => !name.startsWith(kitIndex)));
    const keys = [...made.keys];
    const { folders } = made;
    await publishOther(own, { keys, folders });
    expect(await findings()).toEqual([]);
    expect(await findings({ now: new Date(newest + 41 * day) })).toEqual(["kit-old"]);
    expect(await findings({ there: async () => [...folders, "database/weekly/20260101T000000Z-00000000/"] })).toEqual([
      "kit-lacks-keys",
    ]);
    await publishOther(new Map([...own, ["recover.sh", Buffer.from("exit 0\n")]]), { keys, folders });
    expect(await findings()).toEqual(["kit-other-version"]);
    const { kit: broken } = await publishOther(own, { keys, folders });
    await lab.vault.put(`kit/${broken}/kit.tar`, Buffer.from("another"));
    expect(await findings()).toEqual(["kit-not-whole"]);
    // Both keys of the lab's two sets were there before these; the newest is older than what is sealed now.
    await publishOther(own, { keys, folders, madeAt: new Date(Date.now() - 3_600_000).toISOString() });
    const [, tier = "", set = ""] = folders[0]?.split("/") ?? [];
    await sealKeys(tier as Tier, set);
    expect(await findings()).toContain("kit-keys-former");
    const unknown = tarOf(
      tarOrder({ files: own, index: Buffer.from(""), keys: [] }, await signDetached(Buffer.from(""), signing)),
    );
    const path = join(lab.folder, "unknown.tar");
    await writeFile(path, unknown);
    expect((await kit(["check", "--file", path])).json.findings.map(({ name }: { name: string }) => name)).toEqual([
      "kit-not-whole",
      "kit-unknown",
    ]);
  });

  test("says which keys it could not believe, and fails then; the newest three kits stay, the older ones go after their lock", async () => {
    await publishSigned(lab, { at: new Date(Date.now() - 2 * 3_600_000) });
    const built = await kit(["build"]);
    expect(built).toMatchObject({ code: 1, json: { outcome: "made", lacking: [expect.stringContaining("keys.pgp")] } });
    const kept = await keptKits(lab.vault, verify);
    expect(kept).toHaveLength(3);
    const { policy } = await lab.config("postgresql://x@127.0.0.1:1/x");
    const all = (await keysIn(lab.vault, "kit/")).length;
    const options = { policy, gate: null, isThere: (id: string) => kept.includes(id), now: Date.now() + 101 * day };
    const { byPrefix } = await removeRecords(lab.vault, options);
    // The tar that somebody overwrote has two versions.
    expect(byPrefix["kit/"]).toBeGreaterThanOrEqual(all - 9);
    expect(
      (await removeRecords(lab.vault, { ...options, now: Date.now() + 99 * day })).byPrefix["kit/"],
    ).toBeUndefined();
  });
});
