import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type GenerateOptions, generateKeys } from "../../actions/lib/operations/keys/generate.ts";
import { readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import { checkKeys, type Pins, pinnedKeys, renderPins, replacePins } from "../../actions/lib/seal/keys/pins.ts";
import { readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";

const noPins: Pins = { recipients: { operations: null, prover: null, escrow: null }, signing: [] };
const day = 24 * 60 * 60 * 1000;

let scratch: string;
let options: GenerateOptions;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "lifeboat-keys-"));
  mkdirSync(join(scratch, "repo"));
  options = { project: "test", repository: join(scratch, "repo"), out: join(scratch, "out"), pins: noPins, env: {} };
});
afterEach(() => rmSync(scratch, { recursive: true }));

const policy = (): string => join(scratch, "repo", "lifeboat.config.ts");
const publicKeys = (): string =>
  ["operations", "prover", "escrow", "signing"]
    .map((role) => readFileSync(join(scratch, "repo", ".github", "keys", `${role}.asc`), "utf8"))
    .join("\n");

describe("generating keys", () => {
  it("writes four that fit their pins, the private halves for their owner's eyes only", async () => {
    const { keys, pins, block, pinned } = await generateKeys(options);
    expect(pinned).toBe(false);
    expect(keys.map(({ role }) => role)).toEqual(["operations", "prover", "escrow", "signing"]);
    for (const key of keys) {
      expect(block).toContain(key.fingerprint);
      expect(statSync(key.privateFile).mode & 0o777).toBe(0o600);
      expect(statSync(key.passphraseFile ?? "").mode & 0o777).toBe(0o600);
      const passphrase = readFileSync(key.passphraseFile ?? "", "utf8").trim();
      expect(passphrase).toMatch(/^([a-z0-9]{5}-){6}[a-z0-9]{5}$/);
      const { fingerprint } = await readPrivateKey(readFileSync(key.privateFile, "utf8"), passphrase);
      expect(fingerprint).toBe(key.fingerprint);
      expect((key.expires.getTime() - Date.now()) / day).toBeCloseTo(730.5, 1);
    }
    expect(statSync(join(scratch, "out")).mode & 0o777).toBe(0o700);
    const { recipients, signers } = pinnedKeys(await readKeyring(publicKeys()), pins);
    expect(recipients.map(({ role }) => role)).toEqual(["operations", "prover", "escrow"]);
    expect(signers.map(({ fingerprint }) => fingerprint)).toEqual(pins.signing);
  });

  it("rewrites the policy's pins when told, and nothing else in it", async () => {
    const before = `export default {\n  a: 1, // keep\n${renderPins(noPins)}\n  b: { c: "}" },\n};\n`;
    writeFileSync(policy(), before);
    const { pins, pinned } = await generateKeys({ ...options, pin: policy() });
    expect(pinned).toBe(true);
    expect(readFileSync(policy(), "utf8")).toBe(before.replace(renderPins(noPins), renderPins(pins)));
    expect(pins.recipients.escrow).toMatch(/^[0-9A-F]{40}$/);
  });

  it("puts a new signing key before the others, which stay", async () => {
    const old = "A".repeat(40);
    const pins = { ...noPins, recipients: { ...noPins.recipients, escrow: "B".repeat(40) }, signing: [old] };
    const made = await generateKeys({ ...options, roles: ["signing"], pins });
    expect(made.pins).toEqual({ ...pins, signing: [made.keys[0]?.fingerprint, old] });
  });

  it("takes passphrases from the environment, and then writes none", async () => {
    const env = { ESCROW_KEY_PASSPHRASE: "a passphrase of my own" };
    const { keys } = await generateKeys({ ...options, roles: ["escrow"], env });
    expect(keys[0]?.passphraseFile).toBeNull();
    expect(existsSync(join(scratch, "out", "escrow.passphrase"))).toBe(false);
    await readPrivateKey(readFileSync(keys[0]?.privateFile ?? "", "utf8"), env.ESCROW_KEY_PASSPHRASE);
    const short = generateKeys({ ...options, roles: ["prover"], env: { PROVER_KEY_PASSPHRASE: "short" } });
    await expect(short).rejects.toMatchObject({ code: "passphrase-too-short" });
  });

  it("never overwrites a file, and then writes none at all", async () => {
    mkdirSync(join(scratch, "repo", ".github", "keys"), { recursive: true });
    writeFileSync(join(scratch, "repo", ".github", "keys", "escrow.asc"), "here before");
    await expect(generateKeys(options)).rejects.toMatchObject({ code: "key-file-exists", exitCode: 2 });
    expect(existsSync(join(scratch, "out"))).toBe(false);
    expect(existsSync(join(scratch, "repo", ".github", "keys", "operations.asc"))).toBe(false);
  });

  it("refuses to put private keys into the repository, also by way of a link or dots", async () => {
    symlinkSync(join(scratch, "repo"), join(scratch, "link"));
    const inside = ["repo", "repo/keys", "link/deep/er", "other/../repo/x", "repo/../repo"];
    for (const out of inside) {
      const generating = generateKeys({ ...options, out: `${scratch}/${out}` });
      await expect(generating).rejects.toMatchObject({ code: "private-keys-inside-repository" });
    }
    await generateKeys({ ...options, roles: ["escrow"], out: join(scratch, "repository-beside") });
  });

  it("refuses before it makes anything when the policy has no place for pins", async () => {
    writeFileSync(policy(), "export default {};\n");
    await expect(generateKeys({ ...options, pin: policy() })).rejects.toMatchObject({ code: "pins-block-missing" });
    expect(existsSync(join(scratch, "out"))).toBe(false);
  });

  it("writes nothing in a dry run", async () => {
    const { keys } = await generateKeys({ ...options, dryRun: true });
    expect(keys).toHaveLength(4);
    expect(existsSync(join(scratch, "out"))).toBe(false);
    expect(existsSync(join(scratch, "repo", ".github"))).toBe(false);
  });
});

describe("replacing pins", () => {
  const pins: Pins = { recipients: { operations: "1".repeat(40), prover: null, escrow: "2".repeat(40) }, signing: [] };

  it("keeps indentation and line ends, and gives the same again", () => {
    const text = ["a", "\t// pins:begin", "anything: { at all", "\t// pins:end", "b", ""].join("\r\n");
    const once = replacePins(text, pins);
    expect(once.startsWith('a\r\n\t// pins:begin\r\n\tkeys: {\r\n\t  recipients: {\r\n\t    operations: "111')).toBe(
      true,
    );
    expect(once.endsWith("\r\n\t// pins:end\r\nb\r\n")).toBe(true);
    expect(replacePins(once, pins)).toBe(once);
  });

  it("refuses marks that are missing, doubled, or the wrong way round", () => {
    const [begin, end] = ["// pins:begin", "// pins:end"];
    for (const lines of [[], [begin], [end], [end, begin], [begin, end, begin, end], [begin, begin, end]]) {
      const replacing = () => replacePins(lines.join("\n"), pins);
      expect(replacing).toThrowError(expect.objectContaining({ code: "pins-block-missing" }));
    }
  });

  it("finds its place in the policy that comes with the repository", () => {
    const text = readFileSync(join(import.meta.dirname, "..", "..", "lifeboat.config.ts"), "utf8");
    expect(replacePins(text, pins)).toContain("1".repeat(40));
  });
});

describe("checking keys", () => {
  const codes = (findings: readonly { code: string }[]): string[] => findings.map(({ code }) => code).sort();

  it("says nothing of keys that are in order", async () => {
    const { pins } = await generateKeys(options);
    const { rows, findings } = checkKeys(await readKeyring(publicKeys()), pins, new Date());
    expect(findings).toEqual([]);
    expect(rows.map(({ role, state }) => `${role} ${state}`)).toEqual([
      "operations ok",
      "prover ok",
      "escrow ok",
      "signing ok",
    ]);
  });

  it("warns long before a key expires and after, and never makes an error of it", async () => {
    const { pins } = await generateKeys(options);
    const keyring = await readKeyring(publicKeys());
    const at = (days: number) => checkKeys(keyring, pins, new Date(Date.now() + days * day));
    expect(at(600).findings).toEqual([]);
    expect(codes(at(650).findings)).toEqual(Array(4).fill("key-expiring"));
    expect(codes(at(800).findings)).toEqual(Array(4).fill("key-expired"));
    expect(at(800).findings.every(({ level }) => level === "warning")).toBe(true);
    expect(pinnedKeys(keyring, pins, new Date(Date.now() + 800 * day)).recipients).toHaveLength(3);
    expect(checkKeys(keyring, pins, new Date(Date.now() + 600 * day), 200).findings).toHaveLength(4);
  });

  it("refuses recipients that are unpinned, missing, too few, without escrow, or none", async () => {
    const { pins } = await generateKeys(options);
    const keyring = await readKeyring(publicKeys());
    const errors = (changed: Partial<Pins>, ring = keyring): string[] =>
      codes(checkKeys(ring, { ...pins, ...changed }, new Date()).findings.filter(({ level }) => level === "error"));
    const recipients = (changed: Partial<Pins["recipients"]>) => ({ recipients: { ...pins.recipients, ...changed } });
    expect(errors(recipients({ prover: null }))).toEqual(["recipient-unpinned"]);
    expect(errors({ ...recipients({ prover: null }), former: [pins.recipients.prover ?? ""] })).toEqual([]);
    expect(errors(recipients({ prover: "F".repeat(40) }))).toEqual(["recipient-missing", "recipient-unpinned"]);
    expect(errors(recipients({ escrow: null }))).toEqual(["escrow-missing", "recipient-unpinned"]);
    expect(errors(recipients({ prover: null, operations: null }))).toContain("recipients-too-few");
    expect(errors(recipients({ prover: pins.recipients.escrow, operations: null }))).toContain("recipients-too-few");
    expect(errors(noPins)).toContain("recipients-missing");
    expect(errors(recipients({ prover: pins.signing[0] ?? null }))).toContain("recipient-unusable");
    expect(errors({}, { recipients: [], signers: [] })).toContain("signing-key-missing");
    expect(errors({ signing: [] })).toEqual(["recipient-unpinned", "signing-key-unpinned"]);
    expect(() => pinnedKeys(keyring, noPins)).toThrowError(expect.objectContaining({ exitCode: 2 }));
  });

  it("only warns when the public half of an older signing key is gone", async () => {
    const { pins } = await generateKeys(options);
    const older = { ...pins, signing: [...pins.signing, "E".repeat(40)] };
    const { findings } = checkKeys(await readKeyring(publicKeys()), older, new Date());
    expect(findings).toMatchObject([{ level: "warning", code: "signing-key-missing", key: "E".repeat(40) }]);
  });
});
