import { LifeboatError, OperationError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { noteTouched } from "../../base/touched.ts";
import { opensSecrets, type Signer } from "../../seal/keys/keyring.ts";
import type { PinnedRecipient } from "../../seal/keys/pins.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import {
  assertCommitment,
  expiredRecipients,
  keysFileName,
  keysSignatureMetadata,
  secretsFileName,
  secretsScope,
  signKeysFile,
  unwrapSessionKey,
  verifyKeysFile,
  wrappedKeyIds,
  wrapSessionKey,
} from "../../seal/keys/session-key.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import { type HoldGate, openHoldGate } from "../../vault/holds/gate.ts";
import type { IncidentGate } from "../../vault/incident/state.ts";
import type { VerifyRelease } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { deleteVersions } from "../../vault/s3/delete-versions.ts";
import type { ObjectBody } from "../../vault/s3/objects.ts";
import { type Version, versionsBelow } from "../../vault/s3/versions.ts";
import { listSets, readSet, resolveSet, type SetName } from "../../vault/sets/catalogue.ts";

const maxKeysBytes = 1024 * 1024;

export interface RewrapOptions {
  readonly vault: Vault;
  /** Ids (or `latest`); undefined: every set of the catalogue. */
  readonly sets?: readonly string[] | undefined;
  /** Of somebody whom the sets are sealed to now; where they hold secrets, of one who may open those. */
  readonly privateKey: UnlockedKey;
  /** Whom they are to be sealed to: exactly these (see `pinnedKeys`). */
  readonly recipients: readonly PinnedRecipient[];
  readonly signingKey: UnlockedKey;
  /** Whose manifests and keys.pgp are believed (see `pinnedSigners`); must include the signing key. */
  readonly trusted: readonly Signer[];
  /** Whose signature ends a hold (`releaseVerifier`). */
  readonly verifyRelease: VerifyRelease;
  readonly dryRun?: boolean;
  readonly log: Log;
  /** Asked before each file is overwritten, and before its older versions go. */
  readonly gate?: IncidentGate;
  /** Looked at between sets. */
  readonly signal?: AbortSignal;
}

export interface RewrapRow extends SetName {
  readonly outcome: "rewrapped" | "unchanged" | "would-rewrap" | "failed";
  /** Ids of the keys that keys.pgp was sealed to. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Older versions of keys.pgp that were deleted; in a dry run, that would be tried. */
  readonly removedVersions: number;
  /** Older versions that stay, and until when: those whom they are sealed to can still open the set. */
  readonly keptVersions: readonly KeptVersion[];
  readonly problem: { readonly code: string; readonly message: string; readonly next: string | undefined } | null;
}

/**
 * Changes whom existing sets are sealed to, by rewriting keys.pgp and secrets.pgp alone. Every step leaves the set openable, and a run
 * that was killed is finished by running it again: a new file replaces the old one in one conditional write, is
 * read back, and only then older versions go.
 *
 * A set that fails does not stop the others: see each row's `problem`.
 *
 * @throws ConfigurationError `set-unknown`, `set-id` for a set that was named and isn't there; `recipients-missing`
 */
export async function rewrapSets(options: RewrapOptions): Promise<RewrapRow[]> {
  const { vault, log, recipients, sets } = options;
  const names = sets === undefined ? await listSets(vault) : await Promise.all(sets.map((id) => resolveSet(vault, id)));
  for (const { fingerprint, role } of expiredRecipients(recipients, new Date())) {
    log.warn(`The ${role} key ${fingerprint} has EXPIRED; the sets are sealed to it all the same. Renew it.`);
  }
  const holds = await openHoldGate([vault], options.verifyRelease);
  for (const alarm of holds.register.alarms) log.warn(alarm);
  const rows: RewrapRow[] = [];
  for (const { tier, set } of names) {
    options.signal?.throwIfAborted();
    rows.push(await rewrapOrSay({ tier, set }, options, holds));
  }
  return rows;
}

async function rewrapOrSay(name: SetName, options: RewrapOptions, holds: HoldGate): Promise<RewrapRow> {
  try {
    return await rewrap(name, options, await holds.heldNow(name.set));
  } catch (error) {
    // The others would be stopped as well.
    if (!(error instanceof LifeboatError) || error.code === "incident-on") throw error;
    options.log.warn(`${name.set}: ${error.message}`);
    const problem = { code: error.code, message: error.message, next: error.next };
    return { ...name, outcome: "failed", before: [], after: [], removedVersions: 0, keptVersions: [], problem };
  }
}

/** @param held why the set is held, so that the keys which it was sealed to before have to stay; null: it is not */
async function rewrap({ tier, set }: SetName, options: RewrapOptions, held: string | null): Promise<RewrapRow> {
  const { vault, trusted, log, recipients } = options;
  const { manifest, prefix } = await readSet(vault, tier, set, (bytes, armored) =>
    verifyDetached(bytes, armored, trusted),
  );
  const { sessionKeyCommitment, secrets } = manifest.sealing;
  // Both are opened before either is written: a key that opens one alone must not leave two kinds of recipients behind.
  const files = [
    await rewrapFile({ key: prefix + keysFileName, scope: set }, sessionKeyCommitment, recipients, options),
  ];
  if (secrets !== undefined) {
    const file = { key: prefix + secretsFileName, scope: secretsScope(set) };
    files.push(await rewrapFile(file, secrets.sessionKeyCommitment, recipients.filter(opensSecrets), options));
  }
  const [first] = files;
  const unchanged = files.every((file) => file.unchanged);
  const row = { tier, set, before: first?.before ?? [], after: first?.after ?? [], keptVersions: [], problem: null };
  if (options.dryRun) {
    let removedVersions = 0;
    for (const file of files) {
      const older = await versionsBefore(vault, file.key, file.current.versionId);
      const going = older.length + (file.unchanged || file.current.versionId === undefined ? 0 : 1);
      if (held === null) removedVersions += going;
    }
    return { ...row, outcome: unchanged ? "unchanged" : "would-rewrap", removedVersions };
  }
  const removals: Removal[] = [];
  for (const file of files) {
    await options.gate?.(file.key);
    const stored = file.unchanged ? file.current : await replace(file, options);
    // Also where nothing had to be changed: a run that was killed may have left them.
    const older = await versionsBefore(vault, file.key, stored.versionId);
    if (held !== null) {
      removals.push(keepVersions(older));
      continue;
    }
    if (older.length > 0) await options.gate?.(`older versions of ${file.key}`);
    removals.push(await removeVersions(vault, older));
  }
  const keptVersions = removals.flatMap(({ kept }) => kept);
  for (const { versionId, until, code } of keptVersions) {
    const locked = until === null ? `the store says ${code}` : `locked until ${until.toISOString()}`;
    const why = held ?? locked;
    log.warn(`${set}: version ${versionId} of its keys stays (${why}); its recipients can still open the set.`);
  }
  const removedVersions = removals.reduce((sum, { removed }) => sum + removed, 0);
  return { ...row, outcome: unchanged ? "unchanged" : "rewrapped", removedVersions, keptVersions };
}

/** keys.pgp or secrets.pgp of a set, and what it was signed for. */
interface KeysObject {
  readonly key: string;
  readonly scope: string;
}

interface RewrappedFile extends KeysObject {
  readonly current: ObjectBody;
  readonly body: Uint8Array;
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly unchanged: boolean;
}

/** Opens one and seals it anew, in memory. */
async function rewrapFile(
  file: KeysObject,
  commitment: string,
  recipients: readonly PinnedRecipient[],
  { vault, trusted, privateKey }: RewrapOptions,
): Promise<RewrappedFile> {
  const current = await vault.get(file.key, { maxBytes: maxKeysBytes });
  await verifyKeysFile(file.scope, current.body, current.metadata, trusted);
  const sessionKey = await unwrapSessionKey(current.body, privateKey);
  assertCommitment(sessionKey, file.scope, commitment);
  noteTouched("opened", file.key, current.body);
  const body = await wrapSessionKey(sessionKey, recipients);
  const [before, after] = await Promise.all([wrappedKeyIds(current.body), wrappedKeyIds(body)]);
  return { ...file, current, body, before, after, unchanged: [...before].sort().join() === [...after].sort().join() };
}

/** Writes the new keys.pgp in place of exactly the one that was read, under the same lock, and reads it back. */
async function replace(
  { key, scope, body, current }: RewrappedFile,
  { vault, signingKey, trusted }: RewrapOptions,
): Promise<ObjectBody> {
  const { retainUntil } = current;
  const metadata = { [keysSignatureMetadata]: await signKeysFile(scope, body, signingKey) };
  // Before it is stored: what no reader would believe must not replace what they do.
  await verifyKeysFile(scope, body, metadata, trusted);
  await vault.put(key, body, {
    ifMatch: current.etag,
    metadata,
    contentType: "application/pgp-encrypted",
    ...(retainUntil !== undefined && retainUntil > new Date() && { retainUntil }),
  });
  noteTouched("made", key, body);
  const stored = await vault.get(key, { maxBytes: maxKeysBytes });
  if (!Buffer.from(stored.body).equals(body)) {
    throw new OperationError(
      "stored-differs",
      `${key} was rewritten, but the vault holds something else; its older versions were left alone.`,
      "Look at the object's versions, and run `lifeboat keys rewrap` again.",
    );
  }
  await verifyKeysFile(scope, stored.body, stored.metadata, trusted);
  return stored;
}

/** An older version of keys.pgp that could not be removed: whoever it is sealed to can still open the set. */
export interface KeptVersion {
  readonly versionId: string;
  /** When its lock ends; null: no lock could be read, see `code`. */
  readonly until: Date | null;
  /** The store's reason, e.g. `AccessDenied`; `held`: a hold keeps the set as it was, and the store was not asked. */
  readonly code: string;
}

export interface Removal {
  readonly removed: number;
  readonly kept: readonly KeptVersion[];
}

/**
 * The versions of one object that are older than `versionId`: S3 lists the newest first. None when the bucket keeps no
 * versions, or when that one is not among them. Delete markers are not versions and stay where they are.
 */
export async function versionsBefore(vault: Vault, key: string, versionId: string | undefined): Promise<Version[]> {
  const below = await versionsBelow(vault.transport, key);
  const all = below.filter((version) => version.key === key && !version.marker);
  const at = all.findIndex((version) => version.versionId === versionId);
  return versionId === undefined || at < 0 ? [] : all.slice(at + 1);
}

/** What a hold keeps is not asked for. */
function keepVersions(versions: readonly Version[]): Removal {
  return { removed: 0, kept: versions.map(({ versionId = "" }) => ({ versionId, until: null, code: "held" })) };
}

/** Deletes versions where no lock forbids it, and says of the others until when they stay. */
export async function removeVersions(vault: Vault, versions: readonly Version[]): Promise<Removal> {
  if (versions.length === 0) return { removed: 0, kept: [] };
  const { deleted, kept } = await deleteVersions(vault.transport, versions);
  return {
    removed: deleted,
    kept: await Promise.all(
      kept.map(async ({ key, versionId, code }) => ({
        versionId: versionId ?? "",
        until: await lockedUntil(vault, key, versionId),
        code,
      })),
    ),
  };
}

async function lockedUntil(vault: Vault, key: string, versionId: string | undefined): Promise<Date | null> {
  try {
    return (await vault.head(key, versionId))?.retainUntil ?? null;
  } catch (error) {
    if (error instanceof LifeboatError) return null;
    throw error;
  }
}
