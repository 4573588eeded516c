import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { keysFileName, secretsFileName } from "../../seal/keys/session-key.ts";
import { neededObjects, readLayers } from "../files/read-files.ts";
import { readSnapshot } from "../files/snapshot-catalogue.ts";
import { setPrefix, type Tier } from "../format/manifest.ts";
import { snapshotPrefix } from "../format/names.ts";
import { believed, manifestName, signatureName, type VerifyRelease } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { readAsWritten, versionPages, writtenObjects } from "../s3/versions.ts";
import { readSet, type SetName } from "../sets/catalogue.ts";
import { type HoldRegister, type HoldSubject, joinRegisters, readHolds } from "./register.ts";

/** The buckets in which a set's objects lie; null where there is none, or none is set. */
export interface HoldVaults {
  readonly database: Vault | null;
  readonly files: Vault | null;
  readonly replica: Vault | null;
}

/** The register of all buckets that are set, the replica's included. */
export async function readAllHolds(vaults: HoldVaults, verify: VerifyRelease): Promise<HoldRegister> {
  const all = [vaults.database, vaults.files, vaults.replica].filter((one) => one !== null);
  const buckets = [...new Map(all.map((vault) => [vault.bucket, vault])).values()];
  return joinRegisters(await Promise.all(buckets.map((vault) => readHolds(vault, verify))));
}

/** A part of what is held: a set in the bucket of the sets, or a snapshot in the bucket of the files. */
export type HeldPart = { readonly set: string; readonly prefix: string } & (
  | { readonly kind: "database"; readonly tier: Tier }
  | { readonly kind: "files" }
);

/** The parts of a subject: a set of the database, and the files that belong to it. */
export function partsOf(subject: HoldSubject): HeldPart[] {
  const { set } = subject;
  if (subject.kind === "files") return [{ kind: "files", set, prefix: snapshotPrefix(set) }];
  const { tier, files } = subject;
  const database = { kind: "database", tier, set, prefix: setPrefix(tier, set) } as const;
  return files === null ? [database] : [database, ...partsOf({ kind: "files", set: files })];
}

/** A set of the database with the files that its manifest names; alone where nobody can say which. */
export async function subjectOf(vault: Vault, { tier, set }: SetName, verify: VerifyRelease): Promise<HoldSubject> {
  const read = await believed(() => readSet(readAsWritten(vault), tier, set, verify.begins ?? verify));
  const manifest = read !== undefined && "document" in read ? read.document.manifest : undefined;
  return { kind: "database", tier, set, files: manifest?.files?.set ?? null };
}

/** Every object that a part needs. */
export interface NeededNames {
  /** With the bytes that each must have; null where nothing tells. */
  readonly sizes: ReadonlyMap<string, number | null>;
  /** Why its manifest cannot be trusted: then what lies below its own prefix is all that is known. Null: it can. */
  readonly untrusted: string | null;
}

/** What loses the whole part when it alone is lost: looked at every time, without reading the manifest. */
export function coreOf({ kind, prefix }: HeldPart): NeededNames {
  const names = [manifestName, signatureName, ...(kind === "database" ? [keysFileName] : [])];
  return { sizes: new Map(names.map((name) => [prefix + name, null])), untrusted: null };
}

/** Keys of a set are sealed anew for other recipients, and then there are several versions that Lifeboat has written. */
export function isKeysOfSet(key: string): boolean {
  return key.startsWith("database/") && (key.endsWith(`/${keysFileName}`) || key.endsWith(`/${secretsFileName}`));
}

/**
 * What a part needs, by its signed manifest, read as it was written: a set that somebody has hidden can be held, too.
 * @param vault the bucket that has the part
 * @throws LifeboatError when the store cannot be asked
 */
export async function namesOf(vault: Vault, part: HeldPart, verify: VerifyRelease): Promise<NeededNames> {
  const written = readAsWritten(vault);
  const signed = verify.begins ?? verify;
  try {
    if (part.kind === "files") {
      const { manifest } = await readSnapshot(written, part.set, signed);
      return { sizes: neededObjects(manifest, await readLayers(written, manifest.layers)).sizes, untrusted: null };
    }
    const { manifest } = await readSet(written, part.tier, part.set, signed);
    const small = [manifestName, signatureName, keysFileName];
    if (manifest.sealing.secrets !== undefined) small.push(secretsFileName);
    const segments = manifest.artifacts.flatMap((artifact) => artifact.segments);
    const sizes = new Map<string, number | null>(segments.map(({ key, bytes }) => [part.prefix + key, bytes]));
    for (const name of small) sizes.set(part.prefix + name, null);
    return { sizes, untrusted: null };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    const codes = ["manifest-untrusted", "snapshot-damaged", "set-unknown", "snapshot-unknown", "s3-missing"];
    if (!codes.includes(error.code)) throw error;
    const sizes = new Map<string, number | null>([[part.prefix + manifestName, null]]);
    for (const { key, bytes } of await writtenObjects(vault, [part.prefix], mostBelow)) sizes.set(key, bytes);
    return { sizes, untrusted: error.message };
  }
}

/** Of a set that nobody can read, so much is held at most. */
const mostBelow = 100_000;

/** One stored version that a hold has to be on. */
export interface HeldVersion {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly bytes: number;
  readonly lastModified: Date | undefined;
  /** A delete marker lies over it. */
  readonly hidden: boolean;
  /** Another version lies over it. */
  readonly replaced: boolean;
}

/** So many versions of one key file at most: the first and the last ones. */
const mostKeyVersions = 10;

/**
 * The versions of these objects in a bucket: each as it was written, and of keys that were sealed anew every version. A list for
 * each run that has stored some of them, and no request an object.
 */
export async function versionsOf(vault: Vault, names: Iterable<string>): Promise<HeldVersion[]> {
  const wanted = new Set(names);
  const prefixes = [...new Set([...wanted].map((key) => key.slice(0, key.lastIndexOf("/", runEnd(key)) + 1)))].sort();
  const found = await mapBounded(prefixes, 8, async (prefix) => {
    const versions = new Map<string, HeldVersion[]>();
    const hidden = new Set<string>();
    for await (const page of versionPages(vault.transport, prefix)) {
      for (const { key, versionId, marker, latest, bytes, lastModified } of page.versions) {
        if (!wanted.has(key)) continue;
        if (marker) {
          if (latest) hidden.add(key);
          continue;
        }
        const known = versions.get(key) ?? [];
        // The store lists the newest first: what comes later was written earlier.
        const one = { key, versionId, bytes, lastModified, hidden: false, replaced: known.length > 0 };
        if (!isKeysOfSet(key)) versions.set(key, [one]);
        else versions.set(key, [...(known.length < 2 * mostKeyVersions ? known : known.slice(0, -1)), one]);
      }
    }
    return [...versions.values()].flat().map((one) => ({ ...one, hidden: hidden.has(one.key) }));
  });
  return found.flat();
}

/** Where the folder of a run, or of a set, ends: `packs/<run>/`, `database/<tier>/<set>/`. */
function runEnd(key: string): number {
  const parts = key.split("/");
  return parts.slice(0, parts[0] === "database" ? 3 : 2).join("/").length;
}
