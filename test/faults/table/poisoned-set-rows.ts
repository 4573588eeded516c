import { zstdCompressSync } from "node:zlib";
import {
  keysSignatureMetadata,
  newSessionKey,
  signKeysFile,
  wrapSessionKey,
} from "../../../actions/lib/seal/keys/session-key.ts";
import type { Artifact, Manifest } from "../../../actions/lib/vault/format/manifest.ts";
import { contents, smallPieces } from "../small-set.ts";
import type { PoisonedRow, Poisoner, SetReader } from "./poisoned-set-scene.ts";
import type { Holder, Outcome } from "./row.ts";

const readers = ["verify", "verify --deep", "restore"] as const;

/** The same for every reader: verifying names damage, and what restores fails by name. */
function poisoned(
  kind: string,
  inject: (attacker: Poisoner) => Promise<unknown>,
  { code, among = readers, manifest = false }: { code?: RegExp; among?: readonly SetReader[]; manifest?: boolean } = {},
): PoisonedRow[] {
  return among.map((stage): PoisonedRow => {
    const outcome: Outcome = stage === "restore" || manifest ? "failed by name" : "damage named";
    return {
      ...{ stage, kind, outcome, holder: "writes the bucket", ...(code && { code }) },
      inject: async (attacker) => {
        await inject(attacker);
        return undefined;
      },
    };
  });
}

const keys = "keys.pgp";
const exams = "data/01-public.exams.sql.zst.pgp";
const rest = "data/02-rest.sql.zst.pgp";
const inventory = "inventory.json.zst.pgp";
const keysCode = /^(keys-(unsigned|damaged|foreign)|signature-(invalid|foreign|unreadable)|s3-(missing|too-large))$/;

/** keys.pgp of the set, with the metadata that it has, changed. */
const changedKeys =
  (change: (body: Buffer, of: Poisoner) => Buffer | Promise<Buffer>) =>
  async (of: Poisoner): Promise<void> => {
    const { body, metadata } = await of.get(of.prefix + keys);
    await of.put(of.prefix + keys, await change(body, of), metadata);
  };

/** A literal packet, as `gpg --store` makes it (RFC 9580, 5.9). */
const literal = Buffer.concat([Buffer.from([0xcb, 9]), Buffer.from("b\0\0\0\0\0\\! id").subarray(0, 9)]);
/** A session key that a password opens (RFC 9580, 5.3). */
const byPassword = Buffer.concat([Buffer.from([0xc3, 13, 4, 9, 3, 8]), Buffer.alloc(8, 7), Buffer.from([0x60])]);

const poisonedKeys = (kind: string, inject: (of: Poisoner) => Promise<unknown>): PoisonedRow[] =>
  poisoned(`keys.pgp: ${kind}`, inject, { code: keysCode });

const keysRows: readonly PoisonedRow[] = [
  ...poisonedKeys(
    "not a byte",
    changedKeys(() => Buffer.alloc(0)),
  ),
  ...poisonedKeys(
    "of two megabytes",
    changedKeys(() => Buffer.alloc(2 * 1024 * 1024, 0x84)),
  ),
  ...poisonedKeys(
    "a literal packet behind the keys",
    changedKeys((body) => Buffer.concat([body, literal])),
  ),
  ...poisonedKeys(
    "a literal packet before the keys",
    changedKeys((body) => Buffer.concat([literal, body])),
  ),
  ...poisonedKeys(
    "a key that a password opens besides",
    changedKeys((body) => Buffer.concat([body, byPassword])),
  ),
  ...poisonedKeys(
    "the keys twice",
    changedKeys((body) => Buffer.concat([body, body])),
  ),
  ...poisonedKeys(
    "a length that goes on for ever",
    changedKeys(() => Buffer.from([0x84 | 3, 0xff, 0xff])),
  ),
  ...poisonedKeys(
    "a length of four gigabytes",
    changedKeys(() => Buffer.from([0xc1, 0xff, 0xff, 0xff, 0xff, 0xff, 3])),
  ),
  ...poisonedKeys("of another set, with its signature", async (of) => {
    const { body, metadata } = await of.get(of.other + keys);
    await of.put(of.prefix + keys, body, metadata);
  }),
  ...poisonedKeys("its own, with the signature of another set's", async (of) =>
    of.put(of.prefix + keys, (await of.get(of.prefix + keys)).body, (await of.get(of.other + keys)).metadata),
  ),
  ...poisonedKeys("its own, without a signature", async (of) =>
    of.put(of.prefix + keys, (await of.get(of.prefix + keys)).body),
  ),
  ...poisonedKeys("a session key of the attacker's, signed by them", async (of) => {
    const body = await wrapSessionKey(newSessionKey(), of.recipients);
    const signature = await signKeysFile(of.prefix.split("/")[2] ?? "", body, of.stranger.unlocked);
    await of.put(of.prefix + keys, body, { [keysSignatureMetadata]: signature });
  }),
  ...poisonedKeys("under a delete marker", (of) => of.hide(of.prefix + keys)),
];

/** A manifest and signature of the attacker's in place of ours. */
const poisonedManifest = (kind: string, inject: (of: Poisoner) => Promise<unknown>): PoisonedRow[] =>
  poisoned(`manifest: ${kind}`, inject, { code: /^manifest-untrusted$|^set-unknown$/, manifest: true });

async function signedBy(of: Poisoner, change: (text: string) => string | Buffer): Promise<void> {
  const bytes = Buffer.from(change((await of.get(`${of.prefix}manifest.json`)).body.toString("utf8")));
  await of.put(`${of.prefix}manifest.json`, bytes);
  await of.put(`${of.prefix}manifest.json.sig`, Buffer.from(await of.sign(bytes)));
}

async function changedText(of: Poisoner, change: (text: string) => string): Promise<void> {
  const text = (await of.get(`${of.prefix}manifest.json`)).body.toString("utf8");
  await of.put(`${of.prefix}manifest.json`, Buffer.from(change(text)));
}

const manifestRows: readonly PoisonedRow[] = [
  ...poisonedManifest("signed by a stranger", (of) => signedBy(of, (text) => text)),
  ...poisonedManifest("a mark of its byte order before it", (of) => changedText(of, (text) => `\ufeff${text}`)),
  ...poisonedManifest("one blank more", (of) => changedText(of, (text) => `${text} `)),
  ...poisonedManifest("without its last end of line", (of) => changedText(of, (text) => text.trimEnd())),
  ...poisonedManifest("ends of lines as Windows has them", (of) =>
    changedText(of, (text) => text.replaceAll("\n", "\r\n")),
  ),
  ...poisonedManifest("larger than any may be", (of) =>
    of.put(`${of.prefix}manifest.json`, Buffer.alloc(17 * 1024 * 1024, " ")),
  ),
  ...poisonedManifest("a signature of a megabyte", (of) =>
    of.put(`${of.prefix}manifest.json.sig`, Buffer.alloc(1024 * 1024, "-")),
  ),
  ...poisonedManifest("the signature of another set", async (of) =>
    of.put(`${of.prefix}manifest.json.sig`, (await of.get(`${of.other}manifest.json.sig`)).body),
  ),
  ...poisonedManifest("another set's, with its signature", async (of) => {
    for (const name of ["manifest.json", "manifest.json.sig"])
      await of.put(of.prefix + name, (await of.get(of.other + name)).body);
  }),
  ...poisonedManifest("a compressed message in place of the signature", async (of) =>
    of.put(`${of.prefix}manifest.json.sig`, zstdCompressSync(Buffer.alloc(10_000_000))),
  ),
];

const damaged = /^(artifact-damaged|inventory-.*)$/;
const flipped = (at: (length: number) => number) => async (of: Poisoner) => {
  const { body } = await of.get(of.prefix + rest);
  const place = at(body.length);
  body.writeUInt8(body.readUInt8(place) ^ 1, place);
  await of.put(of.prefix + rest, body);
};

const artifactRows: readonly PoisonedRow[] = [
  ...poisoned(
    "an artifact's first bit is turned over",
    flipped(() => 0),
    { code: damaged },
  ),
  ...poisoned(
    "an artifact's last bit is turned over",
    flipped((length) => length - 1),
    { code: damaged },
  ),
  ...poisoned(
    "an artifact's length bytes are turned over",
    flipped(() => 2),
    { code: damaged },
  ),
  ...poisoned(
    "an artifact is another of the same set",
    async (of) => of.put(of.prefix + rest, (await of.get(of.prefix + exams)).body),
    { code: damaged },
  ),
  ...poisoned(
    "an artifact is that of another set",
    async (of) => of.put(of.prefix + rest, (await of.get(of.other + rest)).body),
    { code: damaged },
  ),
  ...poisoned(
    "the inventory is that of another set",
    async (of) => of.put(of.prefix + inventory, (await of.get(of.other + inventory)).body),
    { code: damaged },
  ),
  ...poisoned("thirty megabytes of zeros lie over an artifact", (of) => of.put(of.prefix + rest, Buffer.alloc(30e6)), {
    code: damaged,
  }),
  ...poisoned("an artifact lies under a delete marker", (of) => of.hide(of.prefix + rest), { code: damaged }),
  ...poisoned("the inventory lies under a delete marker", (of) => of.hide(of.prefix + inventory), { code: damaged }),
];

/** Zeros without an end; as many as are asked for, and each gigabyte becomes some kilobytes. */
async function* zeros(megabytes: number): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.alloc(1024 * 1024);
  for (let made = 0; made < megabytes; made++) yield chunk;
}

const thief: Holder = "holds the signing key";

function stolen(
  stage: SetReader,
  kind: string,
  outcome: Outcome,
  inject: (of: Poisoner) => Promise<Manifest>,
  code?: RegExp,
): PoisonedRow {
  return { ...{ stage, kind, outcome, inject, holder: thief }, ...(code && { code }) };
}

const claims = (kind: Artifact["kind"], plainBytes: number) => (manifest: Manifest) => ({
  ...manifest,
  artifacts: manifest.artifacts.map((one) => (one.kind === kind ? { ...one, plainBytes } : one)),
});

/** Rows of one table that become a gigabyte when they are opened. */
const bomb = (of: Poisoner) =>
  of.assemble({
    pieces: [
      contents.schema(),
      contents.exams(),
      { ...contents.rest(), source: zeros(1000) },
      contents.sequences(),
      contents.largeObjects(),
    ],
    change: claims("data", 1000),
  });

const stolenRows: readonly PoisonedRow[] = [
  stolen("verify --deep", "an artifact becomes a gigabyte, and says a kilobyte", "damage named", bomb),
  stolen("restore", "an artifact becomes a gigabyte, and says a kilobyte", "failed by name", bomb, damaged),
  ...(["verify --deep", "restore"] as const).map((stage) =>
    stolen(
      stage,
      "the inventory is said to have three gigabytes",
      stage === "restore" ? "failed by name" : "damage named",
      (of) => of.assemble({ pieces: smallPieces(), change: claims("inventory", 3e9) }),
      /^inventory-unreadable$/,
    ),
  ),
];

export const poisonedSetRows: readonly PoisonedRow[] = [...keysRows, ...manifestRows, ...artifactRows, ...stolenRows];
