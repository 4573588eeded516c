import { LifeboatError } from "../../../base/errors.ts";
import { mapBounded } from "../../../base/flow/bounded.ts";
import type { Log } from "../../../base/log.ts";
import type { Signer } from "../../../seal/keys/keyring.ts";
import { assertOnlyWrappedKeys, indexKeyScope, keysFileName, verifyKeysFile } from "../../../seal/keys/session-key.ts";
import { verifyDetached } from "../../../seal/keys/signature.ts";
import { type NeededObjects, neededObjects, readLayers } from "../../../vault/files/read-files.ts";
import { readHashed } from "../../../vault/files/read-object.ts";
import {
  missingSet,
  readSnapshot,
  resolveSnapshot,
  type StoredSnapshot,
} from "../../../vault/files/snapshot-catalogue.ts";
import type { Tier } from "../../../vault/format/manifest.ts";
import { indexKeysName, snapshotPrefix } from "../../../vault/format/names.ts";
import type { Layer, SnapshotManifest } from "../../../vault/format/snapshot-manifest.ts";
import type { SignedBy } from "../../../vault/published/signed-manifest.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { type DamageFinding, findingOf, warningAt } from "../verify-objects.ts";
import { inspectLocks, inspectPresence, lockSample } from "./inspect-files.ts";
import { type DeepOptions, type Opened, openShare, storedBytes } from "./open-share.ts";

export interface VerifyFilesOptions {
  readonly trustedSigners: readonly Signer[];
  /** For how long the sync locks what a snapshot names, in days. */
  readonly lockDays: number;
  /** Opens a share of the packs and files, and compares every content in them with the list. */
  readonly deep?: DeepOptions;
  /** The vault of the database sets: to look for the one that the snapshot names. */
  readonly sets?: Vault;
  readonly signal?: AbortSignal | undefined;
  readonly now?: Date;
}

export interface FilesVerification {
  readonly set: string;
  readonly tier: Tier;
  /** ISO 8601, UTC. */
  readonly snapshotAt: string;
  readonly signedBy: SignedBy;
  readonly outcome: "whole" | "damaged";
  /** Damage first. */
  readonly findings: readonly DamageFinding[];
  readonly counts: SnapshotManifest["counts"];
  /** Objects that were looked for, and how many bytes the packs and files have that were found. */
  readonly objects: number;
  readonly storedBytes: number;
  /** Null unless it was deep. */
  readonly opened: Opened | null;
}

/**
 * Says whether a snapshot of the files can be relied on. Without `deep`: the manifest's signature, every object that it
 * names by presence and size, its keys and lists by signature and SHA-256, and the locks. With it, a share of the packs
 * and files is opened, and each content in them compared with the list; what comes next time is noted in the vault.
 *
 * What is wrong with the snapshot is in the result. Thrown is what says nothing about it:
 * @throws ConfigurationError `snapshot-unknown`, `set-id`, `manifest-untrusted`, `wrong-private-key`, and of the store;
 * OperationError `s3-unavailable`
 */
export async function verifyFiles(
  vault: Vault,
  wanted: string,
  options: VerifyFilesOptions,
  log: Log,
): Promise<FilesVerification> {
  const { trustedSigners, deep, now = new Date(), signal = new AbortController().signal } = options;
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, trustedSigners);
  const set = await resolveSnapshot(vault, wanted, { verify, passedOver: log.warn });
  const stored = await readSnapshot(vault, set, verify);
  let layers: Layer[];
  try {
    layers = await readLayers(vault, stored.manifest.layers);
  } catch (error) {
    return conclude(stored, [findingOf(error, "snapshot")], undefined, null);
  }
  const expected = neededObjects(stored.manifest, layers);
  const findings = await inspectPresence(vault, expected);
  findings.push(...(await checkLists(vault, stored.manifest, layers, findings, log)));
  findings.push(...(await checkKeys(vault, expected, layers, stored.manifest, trustedSigners, findings)));
  findings.push(...(await inspectLocks(vault, lockSample(expected), options.lockDays, now)));
  findings.push(...(await inspectNamedSet(options.sets, stored.manifest)));
  const opened =
    deep && (await openShare({ vault, layers, expected, trustedSigners, deep, signal, now, log }, findings));
  return conclude(stored, findings, expected, opened ?? null);
}

/** Head, findings, page and every list, whole. One that is missing was named already. */
async function checkLists(
  vault: Vault,
  { head, findings, recover }: SnapshotManifest,
  layers: readonly Layer[],
  before: readonly DamageFinding[],
  log: Log,
): Promise<DamageFinding[]> {
  const known = new Set(before.map(({ where }) => where));
  const small = [head, recover, ...(findings === null ? [] : [findings]), ...layers.flatMap(({ lists }) => lists)];
  const reading = small.filter(({ key, bytes }) => bytes > 0 && !known.has(key));
  const total = reading.reduce((sum, { bytes }) => sum + bytes, 0);
  const track = log.track("lists", { items: reading.length, bytes: total });
  const found = await mapBounded(reading, 8, async (object) => {
    try {
      await readHashed(vault, object);
      return [];
    } catch (error) {
      return [findingOf(error, object.key)];
    } finally {
      track.advance({ items: 1, bytes: object.bytes });
    }
  });
  track.end("done");
  return found.flat();
}

/** keys.pgp and index.keys.pgp are signed as belonging to their run: that they were exchanged shows without opening them. */
async function checkKeys(
  vault: Vault,
  { origins }: NeededObjects,
  layers: readonly Layer[],
  { set }: SnapshotManifest,
  trusted: readonly Signer[],
  before: readonly DamageFinding[],
): Promise<DamageFinding[]> {
  const known = new Set(before.map(({ where }) => where));
  const files = [
    ...origins.map((run) => ({ key: snapshotPrefix(run) + keysFileName, scope: run })),
    ...[...new Set([set, ...layers.map(({ run }) => run)])].map((run) => ({
      ...{ key: snapshotPrefix(run) + indexKeysName, scope: indexKeyScope(run) },
    })),
  ].filter(({ key }) => !known.has(key));
  const found = await mapBounded(files, 8, async ({ key, scope }) => {
    try {
      const { body, metadata } = await vault.get(key, { maxBytes: 1024 * 1024 });
      await verifyKeysFile(scope, body, metadata, trusted);
      await assertOnlyWrappedKeys(body);
      return [];
    } catch (error) {
      return [findingOf(error, key)];
    }
  });
  return found.flat();
}

/** Says nothing against the files: they are whole without the set. */
async function inspectNamedSet(sets: Vault | undefined, manifest: SnapshotManifest): Promise<DamageFinding[]> {
  if (sets === undefined) return [];
  try {
    const missing = await missingSet(sets, manifest);
    return missing === undefined ? [] : [warningAt("snapshot", "set-missing", missing)];
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return [
      warningAt(
        "snapshot",
        "set-unseen",
        `whether the database set that it names is there cannot be seen: ${error.message}`,
      ),
    ];
  }
}

function conclude(
  { manifest, signedBy }: StoredSnapshot,
  findings: readonly DamageFinding[],
  expected: NeededObjects | undefined,
  opened: Opened | null,
): FilesVerification {
  const { set, tier, snapshotAt, counts } = manifest;
  return {
    ...{ set, tier, snapshotAt, signedBy, counts, opened },
    outcome: findings.some(({ severity }) => severity === "damage") ? "damaged" : "whole",
    findings: onceEach(findings).toSorted((a, b) => a.severity.localeCompare(b.severity)),
    objects: expected?.sizes.size ?? 0,
    storedBytes: (expected?.living ?? []).reduce((sum, object) => sum + storedBytes(object), 0),
  };
}

/** The same object may be met twice: as missing in the list, and when it is opened. */
function onceEach(findings: readonly DamageFinding[]): DamageFinding[] {
  const seen = new Set<string>();
  return findings.filter(({ severity, where }) => {
    if (severity !== "damage" || where === "snapshot") return true;
    return !seen.has(where) && Boolean(seen.add(where));
  });
}
