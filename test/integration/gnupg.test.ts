import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openSealed, sealArtifact } from "../../actions/lib/seal/body/artifact.ts";
import { compress, decompress } from "../../actions/lib/seal/body/compress.ts";
import { open, seal } from "../../actions/lib/seal/body/message.ts";
import { type KeyRole, readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import { generateKey, type NewKey, readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";
import { newSessionKey, unwrapSessionKey, wrapSessionKey } from "../../actions/lib/seal/keys/session-key.ts";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { blockBytes } from "../../actions/lib/seal/packets/blocks.ts";
import { type GnupgHome, openGnupgHome } from "./gnupg-home.ts";

const passphrase = "a passphrase with spaces and ümlauts";
const gathered = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(source));
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function* chunks(bytes: Uint8Array, size = 50_000): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size);
}

const keys = new Map<KeyRole, NewKey>();
const keyOf = (role: KeyRole): NewKey => {
  const key = keys.get(role);
  if (key === undefined) throw new Error(`no key ${role}`);
  return key;
};

beforeAll(async () => {
  const expires = new Date(Date.now() + 365 * 24 * 60 * 60 * 1000);
  for (const role of ["operations", "prover", "escrow", "signing"] as const) {
    keys.set(role, await generateKey({ role, project: "test", passphrase, expires }));
  }
});

const importPrivate = (home: GnupgHome, role: KeyRole): Promise<Buffer> =>
  home.gpg(["--passphrase", passphrase, "--import"], Buffer.from(keyOf(role).privateArmored));

async function sealedFor(plain: Uint8Array) {
  const armored = ["operations", "prover", "escrow"].map((role) => keyOf(role as KeyRole).publicArmored).join("\n");
  const key = newSessionKey();
  return {
    key,
    keysPgp: await wrapSessionKey(key, (await readKeyring(armored)).recipients),
    artifact: await gathered(sealArtifact(chunks(plain), key)),
  };
}

describe("GnuPG and zstd alone", () => {
  it.each(["operations", "prover", "escrow"] as const)("open what we sealed, with the %s key alone", async (role) => {
    await using home = await openGnupgHome();
    await importPrivate(home, role);
    const [keysFile, artifactFile] = [join(home.folder, "keys.pgp"), join(home.folder, "artifact.zst.pgp")];
    await writeFile(join(home.folder, "passphrase"), passphrase);
    const gpg = `gpg --batch --pinentry-mode loopback --passphrase-file ${home.folder}/passphrase --decrypt`;
    for (const size of [0, 1, blockBytes, 5 * blockBytes + 17]) {
      for (const plain of [randomBytes(size), Buffer.alloc(size, "rows of text ")]) {
        const { keysPgp, artifact } = await sealedFor(plain);
        await Promise.all([writeFile(keysFile, keysPgp), writeFile(artifactFile, artifact)]);
        const opened = await home.shell(`cat ${keysFile} ${artifactFile} | ${gpg} | zstd -d`);
        expect(sha256(opened)).toBe(sha256(plain));
      }
    }
  });

  it("refuse what we sealed when it was cut off or changed", async () => {
    await using home = await openGnupgHome();
    await importPrivate(home, "escrow");
    const { keysPgp, artifact } = await sealedFor(randomBytes(300_000));
    const changed = Buffer.from(artifact);
    changed[200_000] = (changed[200_000] ?? 0) ^ 1;
    for (const damaged of [artifact.subarray(0, -30), changed]) {
      const decrypting = home.gpg(["--passphrase", passphrase, "--decrypt"], Buffer.concat([keysPgp, damaged]));
      await expect(decrypting).rejects.toThrow(/gpg ended with/);
    }
  });

  it("read the keys as what they are: certified by themselves, for encryption or for signing only, with their expiry", async () => {
    await using home = await openGnupgHome();
    for (const [role, key] of keys) {
      await home.gpg(["--import"], Buffer.from(key.publicArmored));
      const listing = (await home.gpg(["--with-colons", "--list-keys", key.fingerprint])).toString();
      expect(listing).toContain(`fpr:::::::::${key.fingerprint}:`);
      const [primary, ...subkeys] = listing.split("\n").filter((line) => /^(pub|sub):/.test(line));
      const fields = primary?.split(":") ?? [];
      expect(fields[6]).toBe(String(key.expires.getTime() / 1000));
      expect(fields[3]).toBe("22");
      expect(fields[11]).toMatch(role === "signing" ? /^[scSC]+$/ : /E/);
      expect(subkeys.map((line) => line.split(":")[3])).toEqual(role === "signing" ? [] : ["18"]);
    }
  });

  it("verify our signatures and make ones that we verify", async () => {
    await using home = await openGnupgHome();
    await importPrivate(home, "signing");
    const bytes = Uint8Array.from(randomBytes(10_000));
    const file = join(home.folder, "manifest.json");
    const signer = await readPrivateKey(keyOf("signing").privateArmored, passphrase);
    await writeFile(file, bytes);
    await writeFile(`${file}.sig`, await signDetached(bytes, signer));
    await home.gpg(["--verify", `${file}.sig`, file]);
    await writeFile(file, "something else");
    await expect(home.gpg(["--verify", `${file}.sig`, file])).rejects.toThrow(/BAD signature/);

    const { signers } = await readKeyring(keyOf("signing").publicArmored);
    const theirs = await home.gpg(["--passphrase", passphrase, "--armor", "--detach-sign"], bytes);
    expect((await verifyDetached(bytes, theirs.toString(), signers)).fingerprint).toBe(signer.fingerprint);
    const overText = await home.gpg(["--passphrase", passphrase, "--armor", "--textmode", "--detach-sign"], bytes);
    await expect(verifyDetached(bytes, overText.toString(), signers)).rejects.toMatchObject({ exitCode: 1 });
  });
});

describe("we open what GnuPG sealed", () => {
  it.each([
    ["compressed as it likes to", []],
    ["uncompressed", ["-z", "0"]],
    ["as ZLIB", ["--compress-algo", "zlib"]],
    ["to a hidden recipient", ["--throw-keyids"]],
  ])("%s", async (_, args) => {
    await using home = await openGnupgHome();
    await home.gpg(["--import"], Buffer.from(keyOf("operations").publicArmored));
    const fingerprint = keyOf("operations").fingerprint;
    const unlocked = await readPrivateKey(keyOf("operations").privateArmored, passphrase);
    for (const size of [0, 1, 8191, 8192, 8193, 700_000]) {
      for (const plain of [randomBytes(size), Buffer.alloc(size, "rows of text ")]) {
        const compressed = await gathered(compress(chunks(plain)));
        const encrypt = ["--trust-model", "always", "--cipher-algo", "AES256", ...args, "-r", fingerprint, "--encrypt"];
        const message = await home.gpg(encrypt, compressed);
        // Key packets first, then the body: as in keys.pgp and an artifact.
        const key = await unwrapSessionKey(keyPackets(message), unlocked);
        expect(sha256(await gathered(openSealed(chunks(message, 3000), key)))).toBe(sha256(plain));
        const body = message.subarray(keyPackets(message).length);
        expect(sha256(await gathered(decompress(open(chunks(body), key))))).toBe(sha256(plain));
        await expect(gathered(open(chunks(body.subarray(0, -1)), key))).rejects.toMatchObject({ exitCode: 1 });
      }
    }
  });

  it("with keys that GnuPG made, of Curve25519 and RSA", async () => {
    await using home = await openGnupgHome();
    for (const algorithm of ["future-default", "rsa3072"]) {
      const name = `${algorithm}@test`;
      const usage = algorithm === "rsa3072" ? ["rsa3072", "default", "1y"] : ["future-default", "default", "1y"];
      await home.gpg(["--passphrase", passphrase, "--quick-generate-key", name, ...usage]);
      if (algorithm === "rsa3072") {
        const colons = (await home.gpg(["--with-colons", "--list-keys", name])).toString();
        const primary = /fpr:::::::::([0-9A-F]{40}):/.exec(colons)?.[1] ?? "";
        await home.gpg(["--passphrase", passphrase, "--quick-add-key", primary, "rsa3072", "encr", "1y"]);
      }
      const publicKey = (await home.gpg(["--armor", "--export", name])).toString();
      const exported = await home.gpg(["--passphrase", passphrase, "--armor", "--export-secret-keys", name]);
      const { recipients } = await readKeyring(publicKey);
      const unlocked = await readPrivateKey(exported.toString(), passphrase);
      const key = newSessionKey();
      const keysPgp = await wrapSessionKey(key, recipients);
      expect((await unwrapSessionKey(keysPgp, unlocked)).data).toEqual(key.data);
      const plain = randomBytes(1000);
      const artifact = await gathered(seal(chunks(plain), key));
      const opened = await home.gpg(["--passphrase", passphrase, "--decrypt"], Buffer.concat([keysPgp, artifact]));
      expect(opened.equals(plain)).toBe(true);
    }
  });
});

/** The PKESK packets at the beginning of a message of GnuPG, which writes them with one- or two-octet lengths. */
function keyPackets(message: Uint8Array): Uint8Array {
  let offset = 0;
  while (((message[offset] ?? 0) & 0x40) === 0 && (((message[offset] ?? 0) >> 2) & 0x0f) === 1) {
    const long = ((message[offset] ?? 0) & 3) === 1;
    const length = long ? ((message[offset + 1] ?? 0) << 8) + (message[offset + 2] ?? 0) : (message[offset + 1] ?? 0);
    offset += length + (long ? 3 : 2);
  }
  return Uint8Array.from(message.subarray(0, offset));
}
