import { ConfigurationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import type { ClientTools } from "../../postgres/connect/client-tools.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import type { Signer } from "../../seal/keys/keyring.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import { keysFileName, secretsFileName } from "../../seal/keys/session-key.ts";
import type { Artifact, Manifest, Tier } from "../../vault/format/manifest.ts";
import type { SignedBy } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { openArtifact } from "../../vault/s3/download.ts";
import {
  type OpenSet,
  type ReadOptions,
  readKeys,
  readSecretsKeys,
  readSignedSet,
  type SetRef,
  type SignedSet,
  unlockSet,
} from "../../vault/sets/open-set.ts";
import { compareContents, missingCodes } from "./deep-compare.ts";
import { type Contents, noContents, readContents } from "./deep-contents.ts";
import { SchemaSqlCheck } from "./schema-sql.ts";
import { type DamageFinding, findingOf, inspectObjects, warningAt } from "./verify-objects.ts";

export interface VerifyOptions {
  readonly trustedSigners: readonly Signer[];
  /** Opens everything and compares it with the inventory; needs the private key. */
  readonly deep: boolean;
  readonly privateKey?: UnlockedKey | undefined;
  /** Kinds of artifacts that are not read: what somebody is about to restore does not need them. */
  readonly leaveOut?: ReadonlySet<Artifact["kind"]>;
  /** Makes the schema's SQL anew, to be compared; null where there is none for this set, undefined where nobody asks. */
  readonly tools?: ((manifest: Manifest) => Promise<ClientTools | null>) | undefined;
  /** Calls the verification off; its reason is thrown then. */
  readonly signal?: AbortSignal | undefined;
}

export interface VerifyResult {
  readonly set: string;
  readonly tier: Tier;
  /** ISO 8601, UTC. */
  readonly snapshotAt: string;
  readonly deep: boolean;
  /** Who signed the manifest, and when. */
  readonly signedBy: SignedBy;
  /** `unread`: nothing is wrong, but not everything could be read: archived objects were only looked at. */
  readonly outcome: "whole" | "damaged" | "unread";
  /** Damage first. */
  readonly findings: readonly DamageFinding[];
  readonly artifacts: readonly ArtifactVerdict[];
  readonly storedBytes: number;
}

export interface ArtifactVerdict {
  readonly name: string;
  readonly kind: Artifact["kind"];
  readonly storedBytes: number;
  readonly plainBytes: number;
  readonly outcome: "whole" | "damaged" | "unread";
}

/** Artifacts that are read at the same time: one waits for the network while the other is opened. Where none is, only the way counts. */
const atOnce = { deep: 2, stored: 4 };
/** A JSON export has thousands of artifacts of a few kilobytes: for those the store's answer time counts. */
const smallBytes = 256 * 1024;
const smallAtOnce = 12;
/** The two overlap already; a part more of each would only cost memory. */
const ahead = 0;

/**
 * Reads a whole set back and says whether it can be relied on. Without `deep`: signature, place, keys.pgp, and every stored
 * part by size and SHA-256. With it: everything is opened and its content compared with the inventory, by identity, row
 * counts and content hashes. Nothing is written. Constant memory.
 *
 * What is wrong with the set is in the result. Thrown is what says nothing about it:
 * @throws ConfigurationError `set-unknown`, `set-id`, `manifest-untrusted`, `wrong-private-key`, `private-key-missing`, and of the
 * store; OperationError `s3-unavailable`
 */
export async function verifySet(vault: Vault, ref: SetRef, options: VerifyOptions, log: Log): Promise<VerifyResult> {
  const { deep, privateKey, trustedSigners } = options;
  if (deep && privateKey === undefined) {
    throw new ConfigurationError(
      "private-key-missing",
      "A deep verification opens the set, and there is no private key.",
      "Set RESTORE_PRIVATE_KEY and RESTORE_PASSPHRASE, or verify without --deep.",
    );
  }
  const signed = await readSignedSet(vault, ref, trustedSigners, log.warn);
  const { manifest } = signed;
  const { findings: looked, frozen } = await inspectObjects(vault, signed);
  const findings = [...looked];
  const open = await tryUnlock(vault, signed, options, findings);
  await checkSecretsKeys(vault, signed, options, findings);
  const inventory = open && (await tryInventory(open, findings));
  const storedBytes = manifest.artifacts.reduce((sum, artifact) => sum + stored(artifact), 0);
  const track = log.track("verify", { bytes: storedBytes, items: manifest.artifacts.length });
  // One artifact's reader that fails for good ends the others, as the caller's signal does.
  const failed = new AbortController();
  const signal = options.signal === undefined ? failed.signal : AbortSignal.any([options.signal, failed.signal]);
  const tools = deep ? await options.tools?.(manifest) : undefined;
  const schemaSql = tools === undefined ? undefined : new SchemaSqlCheck(tools, signal);
  const contents = noContents();
  try {
    const readClosed = async (artifact: Artifact, reading: Required<ReadOptions>): Promise<void> => {
      note(findings, warningAt(artifact.name, "secrets-closed", closedToThisKey));
      await readStored(vault, signed.prefix, artifact, reading).catch((error: unknown) => {
        signal.throwIfAborted();
        note(findings, findingOf(error, artifact.name));
      });
    };
    const read = async (artifact: Artifact): Promise<void> => {
      track.note(artifact.name);
      if (frozen.has(artifact.name) || options.leaveOut?.has(artifact.kind)) {
        track.advance({ bytes: stored(artifact), items: 1 });
        return;
      }
      const reading = { ahead, signal, onStoredBytes: (bytes: number) => track.advance({ bytes }) };
      try {
        if (open === undefined || inventory === undefined) await readStored(vault, signed.prefix, artifact, reading);
        else {
          const plain = open.artifact(artifact.name, reading);
          await readContents(artifact, schemaSql?.passing(artifact, plain) ?? plain, inventory, contents);
        }
      } catch (error) {
        signal.throwIfAborted();
        if (isClosedToKey(error, artifact)) await readClosed(artifact, reading);
        else note(findings, findingOf(error, artifact.name));
      }
      track.advance({ items: 1 });
    };
    const isSmall = (artifact: Artifact): boolean => stored(artifact) < smallBytes;
    await mapBounded(manifest.artifacts.filter(isSmall), smallAtOnce, read);
    const large = manifest.artifacts.filter((artifact) => !isSmall(artifact));
    await mapBounded(large, deep ? atOnce.deep : atOnce.stored, read);
    if (inventory !== undefined) {
      const found = compareReadable(manifest, inventory, contents, findings, frozen);
      findings.push(...found, ...((await schemaSql?.findings(manifest)) ?? []));
    }
  } catch (error) {
    failed.abort(error);
    track.end("failed");
    throw error;
  }
  const result = conclude(signed, deep, storedBytes, findings, frozen);
  track.end(result.outcome === "whole" ? "done" : "failed");
  return result;
}

/** The inventory is read twice; what is wrong with it is said once. */
function note(findings: DamageFinding[], finding: DamageFinding): void {
  if (!findings.some(({ where, code }) => where === finding.where && code === finding.code)) findings.push(finding);
}

/** The opened set, when a deep verification is asked for and keys.pgp allows it. */
async function tryUnlock(
  vault: Vault,
  signed: SignedSet,
  { deep, privateKey, trustedSigners }: VerifyOptions,
  findings: DamageFinding[],
): Promise<OpenSet | undefined> {
  try {
    const keysPgp = await readKeys(vault, signed, trustedSigners);
    return deep && privateKey !== undefined
      ? await unlockSet(vault, signed, keysPgp, { trustedSigners, privateKey })
      : undefined;
  } catch (error) {
    // A key that fits no set tells nothing about this one.
    if (error instanceof ConfigurationError) throw error;
    findings.push(findingOf(error, keysFileName));
    return undefined;
  }
}

/** secrets.pgp bears a signature of its own, as keys.pgp does: that it was exchanged shows without opening it. */
async function checkSecretsKeys(
  vault: Vault,
  signed: SignedSet,
  { trustedSigners, leaveOut }: VerifyOptions,
  findings: DamageFinding[],
): Promise<void> {
  if (signed.manifest.sealing.secrets === undefined || leaveOut?.has("secrets")) return;
  await readSecretsKeys(vault, signed, trustedSigners).catch((error: unknown) => {
    if (error instanceof ConfigurationError) throw error;
    findings.push(findingOf(error, secretsFileName));
  });
}

const closedToThisKey =
  "Only the operations and escrow keys open Vault's secrets: the stored bytes are right, what is in them was not looked at";

function isClosedToKey(error: unknown, { kind }: Artifact): boolean {
  return kind === "secrets" && error instanceof ConfigurationError && error.code === "wrong-private-key";
}

async function tryInventory(open: OpenSet, findings: DamageFinding[]): Promise<Inventory | undefined> {
  try {
    return await open.inventory();
  } catch (error) {
    const name = open.manifest.artifacts.find(({ kind }) => kind === "inventory")?.name ?? "set";
    findings.push(findingOf(error, name));
    return undefined;
  }
}

async function readStored(
  vault: Vault,
  prefix: string,
  artifact: Artifact,
  { onStoredBytes, ...reading }: Required<ReadOptions>,
): Promise<void> {
  for await (const chunk of openArtifact(vault, prefix, artifact, { ...reading, recycled: true }))
    onStoredBytes(chunk.length);
}

/** The comparison, without what is only missing because an artifact could not be read to its end. */
function compareReadable(
  manifest: Manifest,
  inventory: Inventory,
  contents: Contents,
  before: readonly DamageFinding[],
  frozen: ReadonlySet<string>,
): DamageFinding[] {
  const found = compareContents(manifest, inventory, contents);
  const unread = frozen.size > 0 || before.some(({ severity }) => severity === "damage");
  return unread ? found.filter(({ code }) => !missingCodes.has(code)) : found;
}

function stored({ segments }: Artifact): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0);
}

function conclude(
  signed: SignedSet,
  deep: boolean,
  storedBytes: number,
  findings: readonly DamageFinding[],
  frozen: ReadonlySet<string>,
): VerifyResult {
  const { set, tier, manifest, signedBy } = signed;
  const damaged = new Set(findings.filter(({ severity }) => severity === "damage").map(({ where }) => where));
  const artifacts = manifest.artifacts.map(
    (artifact): ArtifactVerdict => ({
      ...{ name: artifact.name, kind: artifact.kind, storedBytes: stored(artifact), plainBytes: artifact.plainBytes },
      outcome: damaged.has(artifact.name) ? "damaged" : frozen.has(artifact.name) ? "unread" : "whole",
    }),
  );
  return {
    ...{ set, tier, snapshotAt: manifest.snapshotAt, deep, signedBy, artifacts, storedBytes },
    outcome: damaged.size > 0 ? "damaged" : frozen.size > 0 ? "unread" : "whole",
    findings: findings.toSorted((a, b) => a.severity.localeCompare(b.severity)),
  };
}
