import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { type RewrapOptions, rewrapSets } from "../../actions/lib/operations/keys/rewrap.ts";
import type { PinnedRecipient } from "../../actions/lib/seal/keys/pins.ts";
import {
  keysSignatureMetadata,
  newSessionKey,
  type SessionKey,
  sessionKeyCommitment,
  signKeysFile,
  unwrapSessionKey,
  verifyKeysFile,
  wrappedKeyIds,
  wrapSessionKey,
} from "../../actions/lib/seal/keys/session-key.ts";
import { signDetached, verifyDetached, writeNote } from "../../actions/lib/seal/keys/signature.ts";
import { type Manifest, setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { holdKey } from "../../actions/lib/vault/holds/register.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { encodeManifest, publishSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { newSetId, newTestKey, type TestKey } from "./assembled-set.ts";

let operations: TestKey;
let successor: TestKey;
let escrow: TestKey;
let signing: TestKey;
let vault: Vault;

beforeAll(async () => {
  [operations, successor, escrow, signing] = await Promise.all([
    newTestKey("operations"),
    newTestKey("operations"),
    newTestKey("escrow"),
    newTestKey("signing"),
  ]);
});

async function newVault(lock: boolean): Promise<Vault> {
  const s3 = sharedS3();
  const bucket = `rewrap-${randomBytes(6).toString("hex")}`;
  await s3.createBucket(bucket, { lock });
  return openVault(s3.bucketAccess(bucket));
}

const pinned = (...keys: [TestKey, PinnedRecipient["role"]][]): PinnedRecipient[] =>
  keys.flatMap(([key, role]) => key.recipients.map((recipient) => ({ ...recipient, role })));

/** The least that is a set: keys.pgp and a signed manifest. */
async function putSet(
  options: { retainUntil?: Date; key?: SessionKey } = {},
): Promise<{ set: string; key: SessionKey }> {
  const [set, key] = [newSetId(), newSessionKey()];
  const keysPgp = await wrapSessionKey(options.key ?? key, pinned([operations, "operations"], [escrow, "escrow"]));
  const metadata = { [keysSignatureMetadata]: await signKeysFile(set, keysPgp, signing.unlocked) };
  const { retainUntil } = options;
  await vault.put(keysKey(set), keysPgp, { metadata, ...(retainUntil && { retainUntil }) });
  const now = new Date().toISOString();
  const part = { bytes: 1, sha256: "0".repeat(64) };
  const manifest: Manifest = {
    ...{ format: "lifeboat-set/2", set, tier: "daily", startedAt: now, snapshotAt: now, finishedAt: now },
    source: { projectRef: null, database: "postgres", serverVersion: "17.0", serverMajor: 17 },
    software: { lifeboat: "0.1.0", node: process.version, pgDump: "17.0" },
    sealing: {
      ...{ format: "openpgp-seipd1-aes256", compression: "zstd" },
      recipients: [{ role: "operations", fingerprint: operations.unlocked.fingerprint }],
      sessionKeyCommitment: sessionKeyCommitment(key, set),
    },
    counts: {
      ...{ tables: 0, rows: "0", sequences: 0, largeObjects: 0, objects: 0 },
      ...{ databaseBytes: "0", plainBytes: "1", storedBytes: "1" },
    },
    artifacts: [{ name: "a", kind: "schema", plainBytes: 1, segments: [{ key: "a", ...part, parts: [part] }] }],
  };
  const bytes = encodeManifest(manifest);
  const signature = await signDetached(bytes, signing.unlocked);
  await publishSet(vault, manifest, bytes, signature, { lease: { assertHeld: async () => {} } });
  return { set, key };
}

const keysKey = (set: string): string => `${setPrefix("daily", set)}keys.pgp`;

const options = (sets: string[] | undefined, changed: Partial<RewrapOptions> = {}): RewrapOptions => ({
  ...{ vault, sets, privateKey: operations.unlocked, signingKey: signing.unlocked, trusted: signing.signers },
  verifyRelease: (bytes, armored) => verifyDetached(bytes, armored, signing.signers),
  ...{ recipients: pinned([successor, "operations"], [escrow, "escrow"]), log: silentLog, ...changed },
});

async function versions(set: string): Promise<number> {
  return (await versionsBelow(vault.transport, keysKey(set))).length;
}

/** Which of the keys open the set as it is now; its keys.pgp must bear a trusted signature. */
async function openers(set: string, key: SessionKey): Promise<string[]> {
  const { body, metadata } = await vault.get(keysKey(set));
  await verifyKeysFile(set, body, metadata, signing.signers);
  const able: string[] = [];
  for (const [name, each] of Object.entries({ operations, successor, escrow })) {
    const found = await unwrapSessionKey(body, each.unlocked).catch(() => undefined);
    if (found !== undefined && Buffer.from(found.data).equals(key.data)) able.push(name);
  }
  return able;
}

describe("rewrapping in a bucket that lets go", () => {
  beforeAll(async () => {
    vault = await newVault(false);
    return () => vault.close();
  });

  it("gives the set to the new recipients alone, and removes the old keys.pgp", async () => {
    const { set, key } = await putSet();
    expect(await openers(set, key)).toEqual(["operations", "escrow"]);
    const [row] = await rewrapSets(options([set]));
    expect(row).toMatchObject({ set, outcome: "rewrapped", removedVersions: 1, keptVersions: [], problem: null });
    expect(row?.after).toEqual(await wrappedKeyIds((await vault.get(keysKey(set))).body));
    expect(await openers(set, key)).toEqual(["successor", "escrow"]);
    expect(await versions(set)).toBe(1);
  });

  it("changes nothing in a dry run, and says what it would", async () => {
    const { set, key } = await putSet();
    const [row] = await rewrapSets(options([set], { dryRun: true }));
    expect(row).toMatchObject({ outcome: "would-rewrap", removedVersions: 1 });
    expect(await openers(set, key)).toEqual(["operations", "escrow"]);
    expect(await versions(set)).toBe(1);
  });

  it("finishes what a killed run has left: whichever step it died after, the set opens in between", async () => {
    const { set, key } = await putSet();
    const killed = { ...vault, get: (name: string, how?: { maxBytes?: number }) => dyingGet(name, how) };
    let reads = 0;
    const dyingGet: Vault["get"] = (name, how) => {
      if (name.endsWith("keys.pgp") && ++reads === 2) throw new Error("killed after the write");
      return vault.get(name, how);
    };
    await expect(rewrapSets(options([set], { vault: killed }))).rejects.toThrow("killed");
    expect(await versions(set)).toBe(2);
    expect(await openers(set, key)).toEqual(["successor", "escrow"]);
    const [row] = await rewrapSets(options([set], { privateKey: escrow.unlocked }));
    expect(row).toMatchObject({ outcome: "unchanged", removedVersions: 1 });
    expect(await versions(set)).toBe(1);
  });

  it("leaves a set alone that the private key does not open, and goes on with the others", async () => {
    const [first, second] = [await putSet(), await putSet()];
    await rewrapSets(options([first.set]));
    const rows = await rewrapSets(options([first.set, second.set]));
    expect(rows.map(({ outcome }) => outcome)).toEqual(["failed", "rewrapped"]);
    expect(rows[0]?.problem?.code).toBe("wrong-private-key");
  });

  it("stops before the next set when an incident begins, and leaves that one as it was", async () => {
    const [first, second] = [await putSet(), await putSet()];
    const on = new OperationError("incident-on", "Stopped: an incident is on.");
    const gate = async (what: string): Promise<void> => {
      if (what.includes(second.set)) throw on;
    };
    await expect(rewrapSets(options([first.set, second.set], { gate }))).rejects.toBe(on);
    expect(await openers(first.set, first.key)).toEqual(["successor", "escrow"]);
    expect(await openers(second.set, second.key)).toEqual(["operations", "escrow"]);
  });

  it("refuses a session key that the manifest does not know, and keys.pgp that nobody trusted signed", async () => {
    const swapped = await putSet({ key: newSessionKey() });
    expect((await rewrapSets(options([swapped.set])))[0]?.problem?.code).toBe("session-key-foreign");
    const { set } = await putSet();
    await vault.put(keysKey(set), (await vault.get(keysKey(set))).body);
    expect((await rewrapSets(options([set])))[0]?.problem?.code).toBe("keys-unsigned");
    const foreign = await newTestKey("signing");
    const { set: third, key } = await putSet();
    const rows = await rewrapSets(options([third], { signingKey: foreign.unlocked }));
    expect(rows[0]?.problem?.code).toBe("signature-foreign");
    expect(await openers(third, key)).toEqual(["operations", "escrow"]);
  });

  it("does not undo what somebody else wrote meanwhile", async () => {
    const { set, key } = await putSet();
    const racing: Vault = {
      ...vault,
      put: async (name, body, how) => {
        const theirs = await wrapSessionKey(key, pinned([escrow, "escrow"]));
        const metadata = { [keysSignatureMetadata]: await signKeysFile(set, theirs, signing.unlocked) };
        await vault.put(name, theirs, { metadata });
        return vault.put(name, body, how);
      },
    };
    const [row] = await rewrapSets(options([set], { vault: racing }));
    expect(row).toMatchObject({ outcome: "failed", problem: { code: "s3-condition" } });
    expect(await openers(set, key)).toEqual(["escrow"]);
  });

  it("takes every set of the catalogue when none is named", async () => {
    const { set } = await putSet();
    const rows = await rewrapSets(options(undefined, { dryRun: true }));
    expect(rows.length).toBeGreaterThan(1);
    expect(rows.map((row) => row.set)).toContain(set);
    await expect(rewrapSets(options(["20200101T000000Z-00000000"]))).rejects.toMatchObject({ code: "set-unknown" });
  });
});

describe("rewrapping what is held", () => {
  beforeAll(async () => {
    vault = await newVault(true);
    return () => vault.close();
  });

  it("seals a held set to the new recipients, leaves its old keys where they are, and says so", async () => {
    const [{ set, key }, free] = [await putSet(), await putSet()];
    const subject = { kind: "database", tier: "daily", set, files: null } as const;
    const common = { format: "lifeboat-hold/1", event: "begin", id: newSetId(), at: new Date().toISOString() } as const;
    const hold = { ...common, subject, reason: "a lawyer asked", by: "a test", until: null };
    await vault.put(holdKey(set, hold.id), await writeNote(hold, (bytes) => signDetached(bytes, signing.unlocked)));
    const warned: string[] = [];
    const log = { ...silentLog, warn: (line: string) => void warned.push(line) };
    const rows = await rewrapSets(options([set, free.set], { log }));
    expect(rows).toMatchObject([
      { outcome: "rewrapped", removedVersions: 0, keptVersions: [{ code: "held" }] },
      { outcome: "rewrapped", removedVersions: 1, keptVersions: [] },
    ]);
    expect(warned.join("\n")).toContain("a lawyer asked");
    expect(await openers(set, key)).toEqual(["successor", "escrow"]);
    expect([await versions(set), await versions(free.set)]).toEqual([2, 1]);
  });
});

describe("rewrapping in a locked bucket", () => {
  beforeAll(async () => {
    vault = await newVault(true);
    return () => vault.close();
  });

  it("keeps the lock on the new keys.pgp, and says until when the old one stays", async () => {
    const retainUntil = new Date(Math.floor(Date.now() / 1000) * 1000 + 60 * 60 * 1000);
    const { set, key } = await putSet({ retainUntil });
    const [row] = await rewrapSets(options([set]));
    expect(row).toMatchObject({ outcome: "rewrapped", removedVersions: 0 });
    expect(row?.keptVersions).toHaveLength(1);
    expect(row?.keptVersions[0]?.until?.getTime()).toBe(retainUntil.getTime());
    expect(await openers(set, key)).toEqual(["successor", "escrow"]);
    expect((await vault.get(keysKey(set))).retainUntil?.getTime()).toBe(retainUntil.getTime());
    expect(await versions(set)).toBe(2);
  });
});
