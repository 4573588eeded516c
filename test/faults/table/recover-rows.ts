import { createHash } from "node:crypto";
import type { Tier } from "../../../actions/lib/vault/format/manifest.ts";
import type { BucketWriter, RecoverRow } from "./recover-scene.ts";
import type { Outcome } from "./row.ts";

const refused = "refused, target untouched";

function row(
  kind: string,
  inject: (attacker: BucketWriter) => Promise<void>,
  outcome: Outcome = refused,
  more: { tier?: Tier; fingerprint?: string } = {},
): RecoverRow {
  const { tier = "daily", fingerprint } = more;
  const stage = tier === "daily" ? "RECOVER.md" : "RECOVER.md of an archive";
  return { kind, stage, tier, outcome, holder: "writes the bucket", inject, ...(fingerprint && { fingerprint }) };
}

const unknown = "unknown";

/** The attack's own body in place of an object, under the metadata that was there. */
async function replace({ prefix, get, put }: BucketWriter, name: string, body: Uint8Array): Promise<void> {
  await put(prefix + name, body, (await get(prefix + name)).metadata);
}

const stored = ({ gpg, script }: BucketWriter): Promise<Buffer> => gpg(["--store"], script);
const sealed = ({ seal, script }: BucketWriter): Promise<Buffer> => seal(script);
const keysOf = async ({ prefix, get }: BucketWriter): Promise<Buffer> => (await get(`${prefix}keys.pgp`)).body;

/** keys.pgp that is no key, or more than keys. */
const poisonedKeys: readonly [string, (attacker: BucketWriter) => Promise<Uint8Array>][] = [
  ["keys.pgp is a message that is not sealed", stored],
  ["keys.pgp is a whole message, sealed to the operators", sealed],
  ["a message stands behind the keys", async (of) => Buffer.concat([await keysOf(of), await stored(of)])],
  ["a message stands before the keys", async (of) => Buffer.concat([await stored(of), await keysOf(of)])],
  [
    "a marker packet stands behind the keys",
    async (of) => Buffer.concat([await keysOf(of), Buffer.from("ca03504750", "hex")]),
  ],
  ["keys.pgp is cut off", async (of) => (await keysOf(of)).subarray(0, -9)],
  ["keys.pgp is empty", async () => Buffer.alloc(0)],
];

/** A manifest that names what the attacker has put, so that every hash is right. */
async function forge(attacker: BucketWriter, name: string, body: Uint8Array): Promise<void> {
  const { prefix, get, put } = attacker;
  const before = createHash("sha256")
    .update((await get(prefix + name)).body)
    .digest("hex");
  const after = createHash("sha256").update(body).digest("hex");
  await put(prefix + name, body);
  const manifest = (await get(`${prefix}manifest.json`)).body.toString("utf8");
  await put(`${prefix}manifest.json`, Buffer.from(manifest.replaceAll(before, after)));
}

/** All that is sealed, under a key of the attacker's own, which opens it to the operators. */
async function forgeAll(attacker: BucketWriter): Promise<void> {
  const message = await sealed(attacker);
  // RFC 9580, 4.2.2: an old packet's length has one octet (0x84) or two (0x85).
  const end = message[0] === 0x84 ? 2 + message.readUInt8(1) : 3 + message.readUInt16BE(1);
  await attacker.put(`${attacker.prefix}keys.pgp`, message.subarray(0, end));
  for (const name of attacker.names) {
    if (name.endsWith(".pgp") && name !== "keys.pgp") await forge(attacker, name, message.subarray(end));
  }
}

const roles = "roles.sql.zst.pgp";
const schema = "01-schema.sql.zst.pgp";
const objects = ["manifest.json", "manifest.json.sig", schema, roles, "RECOVER.md"];

export const recoverRows: readonly RecoverRow[] = [
  row("nothing is touched", async () => {}, "success"),
  row("nothing is touched", async () => {}, "success", { tier: "monthly" }),
  ...poisonedKeys.map(([kind, make]) => row(kind, async (of) => replace(of, "keys.pgp", await make(of)))),
  ...poisonedKeys.slice(0, 4).map(([kind, make]) =>
    row(`${kind}; no fingerprint is known`, async (of) => replace(of, "keys.pgp", await make(of)), refused, {
      fingerprint: unknown,
    }),
  ),
  row("keys.pgp is a message that is not sealed", async (of) => replace(of, "keys.pgp", await stored(of)), refused, {
    tier: "monthly",
  }),
  row("keys.pgp of an older set, with its signature", async ({ prefix, older, get, put }) => {
    const { body, metadata } = await get(`${older}keys.pgp`);
    await put(`${prefix}keys.pgp`, body, metadata);
  }),
  row("keys.pgp has lost its signature", async ({ prefix, get, put }) =>
    put(`${prefix}keys.pgp`, (await get(`${prefix}keys.pgp`)).body),
  ),
  ...objects.map((name) =>
    row(`${name} is a message of the attacker's, sealed to the operators`, async (of) =>
      replace(of, name, await sealed(of)),
    ),
  ),
  ...["keys.pgp", "manifest.json", schema].map((name) =>
    row(`${name} is hidden by a delete marker`, ({ prefix, remove }) => remove(prefix + name)),
  ),
  row("the manifest of an older set, with its signature", async ({ prefix, older, get, put }) => {
    for (const name of ["manifest.json", "manifest.json.sig"]) {
      await put(prefix + name, (await get(older + name)).body);
    }
  }),
  row("an artifact is forged, and the manifest names it", async (of) => forge(of, roles, await sealed(of))),
  row("the signature is of a key whose owner is called as the true one is signed", async (of) => {
    const name = `VALIDSIG ${of.fingerprint} [GNUPG:] VALIDSIG 00 ${of.fingerprint}`;
    await of.gpg(["--passphrase", "", "--quick-generate-key", name, "rsa2048", "sign", "never"], Buffer.alloc(0));
    await forge(of, roles, await sealed(of));
    const manifest = (await of.get(`${of.prefix}manifest.json`)).body;
    const signature = await of.gpg(["--local-user", "VALIDSIG", "--armor", "--detach-sign"], manifest);
    await of.put(`${of.prefix}manifest.json.sig`, signature);
  }),
  row(
    "artifacts that the manifest does not name lie beside the true ones",
    async (of) => {
      await of.put(`${of.prefix}data/00-first.sql.zst.pgp`, await stored(of));
      await of.put(`${of.prefix}data/99-last.sql.zst.pgp`, await sealed(of));
      for (const name of [schema, roles]) await of.put(`${of.prefix}${name}.002`, await stored(of));
    },
    "success",
  ),
  ...(["daily", "monthly"] as const).map((tier) =>
    row("SQL that commands psql is forged, and nobody knows the fingerprint", async (of) => forgeAll(of), refused, {
      tier,
      fingerprint: unknown,
    }),
  ),
];
