import { createHash } from "node:crypto";
import { z } from "zod";
import { LifeboatError } from "../base/errors.ts";
import { oneChunk, wholeOf } from "../base/flow/chunks.ts";
import type { Policy } from "../config/policy/policy.ts";
import { objectLockOf } from "./bucket/inspect.ts";
import { lockObject, retainUntil } from "./bucket/lock.ts";
import { readPack } from "./files/read-object.ts";
import { count, fingerprint, setId, sha256 } from "./format/manifest.ts";
import { hiddenProblem, publications } from "./published/publications.ts";
import {
  believed,
  manifestName,
  parseDocument,
  publishSigned,
  readPublished,
  type Untrusted,
  type VerifySignature,
} from "./published/signed-manifest.ts";
import type { Vault } from "./s3/client.ts";
import { assertStored } from "./s3/read-back.ts";

/** Where rescue kits lie, in the bucket of the database's sets: `kit/<id>/kit.tar`, and last its signed manifest. */
export const kitsPrefix = "kit/";
const kitName = "kit.tar";
export const kitPrefix = (kit: string): string => `${kitsPrefix}${kit}/`;
/** Of the kit itself: what it consists of, by SHA-256, and its signature. */
export const kitIndex = "SHA256SUMS";

const kitSchema = z.strictObject({
  format: z.literal("lifeboat-kit/1"),
  kit: setId,
  /** ISO 8601, by the store's clock. */
  madeAt: z.iso.datetime(),
  /** Of kit.tar. */
  ...{ bytes: count, sha256 },
  /** Of its index: kits of the same contents have the same. */
  contents: sha256,
  /** Keys whose public halves it has. */
  keys: z.array(fingerprint),
  /** Folders of the vault whose keys it has, e.g. `database/daily/20261122T221500Z-1a2b3c4d/`. */
  folders: z.array(z.string().regex(/^(?:database\/(?:daily|weekly|monthly)|snapshots)\/[\dTZ]+-[0-9a-f]{8}\/$/)),
});
export type Kit = z.infer<typeof kitSchema>;

/** Three hundred years of sets have fewer. */
const mostBytes = { manifest: 4 * 1024 * 1024, kit: 256 * 1024 * 1024 } as const;

/** Three are kept, one a month: none of them can be removed by anybody for so many days. */
export const kitLockDays = 100;
const keptNewest = 3;

/** Until when a kit that is made now is locked; null: the policy locks nothing, or the bucket can't. */
export async function kitLock(vault: Vault, { tiers }: Pick<Policy, "tiers">, now: Date): Promise<Date | null> {
  if (Object.values(tiers).every(({ lock }) => lock === "none")) return null;
  const lock = await objectLockOf(vault);
  return lock.state === "known" && lock.value.enabled ? retainUntil(now, kitLockDays) : null;
}

/**
 * Puts a kit into the vault for good: the tar, then the signature, then the manifest, which makes it exist.
 * @param sign makes an armored signature
 * @param until locks all of it until then; null: it is not locked
 * @throws OperationError `kit-taken`, `stored-differs`, `lock-failed`, `s3-unavailable`
 */
export async function publishKit(
  vault: Vault,
  kit: Kit,
  tar: Uint8Array,
  sign: (bytes: Uint8Array) => Promise<string>,
  until: Date | null,
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(kitSchema.parse(kit), null, 1)}\n`);
  const [tarKey, key] = [kitPrefix(kit.kit) + kitName, kitPrefix(kit.kit) + manifestName];
  await vault.put(tarKey, tar, { ifNoneMatch: true, contentType: "application/x-tar" });
  await assertStored(vault, tarKey, tar);
  await publishSigned(vault, key, bytes, await sign(bytes), { kind: "kit" });
  if (until !== null) for (const one of [tarKey, `${key}.sig`, key]) await lockObject(vault, one, until);
}

/** One of the kits that the vault has, newest first: what its manifest says, or why that is not to be trusted. */
export type ListedKit =
  | { readonly kit: string; readonly document: Kit }
  | { readonly kit: string; readonly problem: string };

export async function* listKits(vault: Vault, verify: VerifySignature): AsyncGenerator<ListedKit, void, undefined> {
  for await (const found of publications(vault.transport, [kitsPrefix])) {
    if (found.state === "none") continue;
    const { set: kit, signed } = found;
    if (found.state === "hidden") {
      yield { kit, problem: hiddenProblem(vault, { ...found, prefix: kitsPrefix }) };
      continue;
    }
    const read = await believed(async () => (await readKit(vault, kit, verify, signed)).manifest);
    if (read !== undefined) yield { kit, ...read };
  }
}

/** The newest kits, which retention keeps. Those that are not to be trusted push none out. */
export async function keptKits(vault: Vault, verify: VerifySignature): Promise<string[]> {
  const kept: string[] = [];
  for await (const one of listKits(vault, verify)) {
    if ("document" in one) kept.push(one.kit);
    if (kept.length === keptNewest) break;
  }
  return kept;
}

function readKit(vault: Vault, kit: string, verify: VerifySignature, signed: boolean) {
  const parse = (bytes: Uint8Array, untrusted: Untrusted): Kit => {
    const manifest = parseDocument(bytes, kitSchema, "lifeboat-kit/1", untrusted);
    if (manifest.kit === kit) return manifest;
    throw untrusted(`it is the manifest of ${manifest.kit}, correctly signed but put here by somebody`);
  };
  const place = { prefix: kitPrefix(kit), name: `rescue kit ${kit}`, unknown: "kit-unknown" } as const;
  return readPublished(
    vault,
    { ...place, list: "lifeboat kit check", maxBytes: mostBytes.manifest, parse },
    verify,
    signed,
  );
}

/** What is in a kit, and everything that is wrong with it by itself, in words for people. */
export interface OpenedKit {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly problems: readonly string[];
}

/** The tar of a kit of the vault. @throws OperationError `s3-missing`, `s3-too-large` */
export async function readKitTar(vault: Vault, { kit }: Pick<Kit, "kit">): Promise<Uint8Array> {
  return (await vault.get(kitPrefix(kit) + kitName, { maxBytes: mostBytes.kit })).body;
}

/**
 * Opens a kit, wherever it comes from: its index has to be signed by a trusted key and to fit every file.
 * @param manifest of the vault; without it the kit's own index alone is asked
 */
export async function openKit(tar: Uint8Array, verify: VerifySignature, manifest?: Kit): Promise<OpenedKit> {
  if (manifest !== undefined && hashOf(tar) !== manifest.sha256)
    return { files: new Map(), problems: [`${kitName} is not the one that the signed manifest names`] };
  const files = new Map<string, Buffer>();
  try {
    for await (const { name, content } of readPack(oneChunk(tar))) files.set(name, await wholeOf(content));
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return { files, problems: ["it is not a whole tar"] };
  }
  const [index, signature] = [files.get(kitIndex), files.get(`${kitIndex}.sig`)];
  if (index === undefined || signature === undefined) return { files, problems: [`it has no signed ${kitIndex}`] };
  const refused = await verify(index, signature.toString("latin1")).then(
    () => undefined,
    (error: unknown) => (error instanceof LifeboatError ? error.message : "its signature is not by a trusted key"),
  );
  if (refused !== undefined) return { files, problems: [refused] };
  const listed = new Map(
    [...index.toString().matchAll(/^([0-9a-f]{64}) {2}(.+)$/gm)].map(([, hash, name = ""]) => [name, hash] as const),
  );
  const own = new Set([kitIndex, `${kitIndex}.sig`]);
  const lacking = [...listed].filter(([name, hash]) => {
    const file = files.get(name);
    return file === undefined || hashOf(file) !== hash;
  });
  const foreign = [...files.keys()].filter((name) => !listed.has(name) && !own.has(name));
  return {
    files,
    problems: [
      ...lacking.map(([name]) => `${name} is ${files.has(name) ? "another than the index says" : "missing"}`),
      ...foreign.map((name) => `${name} is not in the index`),
    ],
  };
}

export function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
