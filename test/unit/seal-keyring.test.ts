import { randomBytes } from "node:crypto";
import * as openpgp from "openpgp";
import { beforeAll, describe, expect, it } from "vitest";
import { type KeyRole, readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import { generateKey, type NewKey, readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";
import {
  assertCommitment,
  expiredRecipients,
  keysSignatureMetadata,
  newSessionKey,
  sessionKeyCommitment,
  signKeysFile,
  unwrapSessionKey,
  verifyKeysFile,
  wrappedKeyIds,
  wrapSessionKey,
} from "../../actions/lib/seal/keys/session-key.ts";
import { signDetached, signDetachedBinary, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";

const year = 365 * 24 * 60 * 60 * 1000;
const passphrase = "correct horse battery staple";
const set = "20261122T221500Z-1a2b3c4d";

const make = (role: KeyRole, created?: Date, expires = new Date(Date.now() + year)): Promise<NewKey> =>
  generateKey({ role, project: "test", passphrase, expires, ...(created && { created }) });
const unlock = (key: NewKey) => readPrivateKey(key.privateArmored, passphrase);

let operations: NewKey;
let escrow: NewKey;
let signing: NewKey;
let expired: NewKey;
let expiredSigning: NewKey;

beforeAll(async () => {
  const [longAgo, lately] = [new Date(Date.now() - 3 * year), new Date(Date.now() - year)];
  [operations, escrow, signing, expired, expiredSigning] = await Promise.all([
    make("operations"),
    make("escrow"),
    make("signing"),
    make("prover", longAgo, lately),
    make("signing", longAgo, lately),
  ]);
});

describe("the keyring", () => {
  it("finds every key of several blocks with other text between them, each once", async () => {
    const text = `# ours\n${operations.publicArmored}\nnotes\n${escrow.publicArmored}${operations.publicArmored}`;
    const { recipients: found } = await readKeyring(text);
    expect(found.map(({ fingerprint }) => fingerprint)).toEqual([operations.fingerprint, escrow.fingerprint]);
    expect(found[0]).toMatchObject({ userId: "test backup operations", algorithm: "ecdh curve25519Legacy" });
    expect(found[0]?.fingerprint).toMatch(/^[0-9A-F]{40}$/);
    expect(Math.abs((found[0]?.expires?.getTime() ?? 0) - operations.expires.getTime())).toBeLessThan(1000);
  });

  it("tells a key that only signs from those that can be sealed to", async () => {
    const text = operations.publicArmored + signing.publicArmored;
    const { recipients, signers } = await readKeyring(text);
    expect(recipients.map(({ fingerprint }) => fingerprint)).toEqual([operations.fingerprint]);
    expect(signers.map(({ fingerprint }) => fingerprint)).toContain(signing.fingerprint);
  });

  it("is empty without keys", async () => {
    expect(await readKeyring("")).toEqual({ recipients: [], signers: [] });
  });

  it("refuses a private key among the public ones", async () => {
    const reading = readKeyring(operations.publicArmored + operations.privateArmored);
    await expect(reading).rejects.toMatchObject({ code: "private-key-in-public-keys" });
  });

  it("refuses a damaged block, a revoked key and one that GnuPG 2.2 cannot read", async () => {
    const damaged = operations.publicArmored.replace(/\n\n(.{40})/, "\n\n");
    await expect(readKeyring(damaged)).rejects.toMatchObject({ code: "public-key-unreadable" });
    const key = await openpgp.readKey({ armoredKey: operations.publicArmored });
    const { publicKey } = await openpgp.revokeKey({ key, revocationCertificate: operations.revocationArmored });
    await expect(readKeyring(publicKey)).rejects.toMatchObject({ code: "public-key-unusable" });
    const v6 = await openpgp.generateKey({ userIDs: [{ name: "x" }], type: "curve25519", config: { v6Keys: true } });
    await expect(readKeyring(v6.publicKey)).rejects.toMatchObject({ code: "public-key-unsupported" });
  });

  it("says when a key has expired instead of refusing it", async () => {
    const [recipient] = (await readKeyring(expired.publicArmored)).recipients;
    expect(recipient?.expires?.getTime()).toBeLessThan(Date.now());
    expect(
      expiredRecipients(
        [recipient].flatMap((r) => r ?? []),
        new Date(),
      ),
    ).toHaveLength(1);
  });
});

describe("a private key", () => {
  it("opens with its passphrase, also when its line breaks are written out", async () => {
    const key = await readPrivateKey(operations.privateArmored.replaceAll(/\r?\n/g, "\\n"), passphrase);
    expect(key).toMatchObject({ fingerprint: operations.fingerprint, userId: "test backup operations" });
  });

  it.each([
    ["no passphrase", undefined, "passphrase-missing"],
    ["an empty passphrase", "", "passphrase-missing"],
    ["another passphrase", "wrong", "passphrase-wrong"],
  ])("with %s is refused, and no passphrase is repeated", async (_, given, code) => {
    const error = await readPrivateKey(operations.privateArmored, given).catch((e: unknown) => e);
    expect(error).toMatchObject({ code, exitCode: 2 });
    expect(String(error)).not.toContain("wrong!");
    expect((error as Error).cause).toBeUndefined();
  });

  it("that is none is refused", async () => {
    for (const text of ["", "nonsense", operations.publicArmored]) {
      await expect(readPrivateKey(text, passphrase)).rejects.toMatchObject({ code: "private-key-unreadable" });
    }
  });
});

describe("a session key", () => {
  const key = newSessionKey();

  it("comes back with the private key of any recipient, also of one that had expired", async () => {
    const keys = [operations, escrow, expired];
    const { recipients } = await readKeyring(keys.map(({ publicArmored }) => publicArmored).join("\n"));
    const keysPgp = await wrapSessionKey(key, recipients);
    expect(await wrappedKeyIds(keysPgp)).toHaveLength(3);
    for (const each of keys) expect((await unwrapSessionKey(keysPgp, await unlock(each))).data).toEqual(key.data);
  });

  it("does not come back with the key of anybody else, who is told whose could", async () => {
    const { recipients } = await readKeyring(operations.publicArmored);
    const keysPgp = await wrapSessionKey(key, recipients);
    const [id] = await wrappedKeyIds(keysPgp);
    const error = await unwrapSessionKey(keysPgp, await unlock(escrow)).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "wrong-private-key", exitCode: 2 });
    expect(String(error)).toContain(id);
  });

  it("is not sealed to nobody", async () => {
    await expect(wrapSessionKey(key, [])).rejects.toMatchObject({ code: "recipients-missing" });
  });

  it("does not come out of damaged or foreign bytes", async () => {
    const keysPgp = await wrapSessionKey(key, (await readKeyring(operations.publicArmored)).recipients);
    const unlocked = await unlock(operations);
    const flipped = Buffer.from(keysPgp);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
    const literal = Buffer.from([0xcb, 7, 0x62, 0, 0, 0, 0, 0, 0x41]);
    // A message of somebody else's before or after the keys is what gpg would print instead of the artifact.
    const accompanied = [Buffer.concat([keysPgp, literal]), Buffer.concat([literal, keysPgp])];
    const damaged = [flipped, Buffer.alloc(0), randomBytes(100), keysPgp.subarray(0, -5), literal, ...accompanied];
    for (const bytes of damaged) {
      const unwrapping = unwrapSessionKey(Uint8Array.from(bytes), unlocked);
      await expect(unwrapping).rejects.toMatchObject({ code: "keys-damaged", exitCode: 1 });
    }
  });

  it("has a commitment that binds it to its set and changes with both", () => {
    const commitment = sessionKeyCommitment(key, set);
    expect(commitment).toMatch(/^[0-9a-f]{64}$/);
    expect(sessionKeyCommitment(key, set)).toBe(commitment);
    expect(sessionKeyCommitment(key, "20261122T221500Z-00000000")).not.toBe(commitment);
    expect(sessionKeyCommitment(newSessionKey(), set)).not.toBe(commitment);
    expect(commitment).not.toContain(Buffer.from(key.data).toString("hex"));
    expect(() => assertCommitment(key, set, commitment)).not.toThrow();
    const foreign = () => assertCommitment(newSessionKey(), set, commitment);
    expect(foreign).toThrowError(expect.objectContaining({ code: "session-key-foreign" }));
  });
});

describe("a signature", () => {
  const bytes = Uint8Array.from(randomBytes(5000));
  const trust = async (...keys: NewKey[]) =>
    (await readKeyring(keys.map(({ publicArmored }) => publicArmored).join("\n"))).signers;

  it("tells who signed and when, armored and binary", async () => {
    const key = await unlock(signing);
    for (const signature of [await signDetached(bytes, key), await signDetachedBinary(bytes, key)]) {
      const verdict = await verifyDetached(bytes, signature, await trust(signing));
      expect(verdict.fingerprint).toBe(signing.fingerprint);
      expect(Math.abs(verdict.signedAt.getTime() - Date.now())).toBeLessThan(60_000);
    }
  });

  it("over other bytes, by another key, twice, or damaged is refused", async () => {
    const signature = await signDetachedBinary(bytes, await unlock(signing));
    const trusted = await trust(signing);
    const verify = (over: Uint8Array, given: string | Uint8Array, by = trusted) => verifyDetached(over, given, by);
    await expect(verify(bytes.subarray(1), signature)).rejects.toMatchObject({ code: "signature-invalid" });
    await expect(verify(bytes, signature, [])).rejects.toMatchObject({ code: "signature-foreign" });
    const others = await trust(operations, escrow);
    await expect(verify(bytes, signature, others)).rejects.toMatchObject({ code: "signature-foreign" });
    const twice = Uint8Array.from(Buffer.concat([signature, signature]));
    await expect(verify(bytes, twice)).rejects.toMatchObject({ code: "signature-unreadable" });
    for (const none of ["", "no signature", new Uint8Array(), Uint8Array.from(randomBytes(80))]) {
      await expect(verify(bytes, none)).rejects.toMatchObject({ code: "signature-unreadable" });
    }
    for (let at = 0; at < signature.length; at += 3) {
      const changed = Uint8Array.from(signature);
      changed[at] = (changed[at] ?? 0) ^ 4;
      const outcome = await verify(bytes, changed).catch((error: unknown) => error);
      // Octets outside of what is signed (hints) may change without harm; then the verdict is still the signer's.
      if (outcome instanceof Error) expect(outcome).toMatchObject({ exitCode: 1 });
      else expect(outcome).toMatchObject({ fingerprint: signing.fingerprint });
    }
  });

  it("still verifies when its key has expired, and after another key took over", async () => {
    const signature = await signDetached(bytes, await unlock(expiredSigning));
    const verdict = await verifyDetached(bytes, signature, await trust(signing, expiredSigning));
    expect(verdict.fingerprint).toBe(expiredSigning.fingerprint);
    expect(verdict.signedAt.getTime()).toBeLessThan(Date.now() - year / 2);
  });
});

describe("keys.pgp", () => {
  it("is believed only with a trusted signature for this very set", async () => {
    const keysPgp = Uint8Array.from(randomBytes(300));
    const { signers } = await readKeyring(signing.publicArmored);
    const metadata = { [keysSignatureMetadata]: await signKeysFile(set, keysPgp, await unlock(signing)) };
    expect((await verifyKeysFile(set, keysPgp, metadata, signers)).fingerprint).toBe(signing.fingerprint);
    const otherSet = "20261122T221500Z-ffffffff";
    await expect(verifyKeysFile(otherSet, keysPgp, metadata, signers)).rejects.toMatchObject({
      code: "signature-invalid",
    });
    await expect(verifyKeysFile(set, keysPgp.subarray(1), metadata, signers)).rejects.toMatchObject({
      code: "signature-invalid",
    });
    await expect(verifyKeysFile(set, keysPgp, {}, signers)).rejects.toMatchObject({ code: "keys-unsigned" });
    // S3 allows 2 KB of user metadata.
    expect(metadata[keysSignatureMetadata]?.length).toBeLessThan(1000);
  });
});
