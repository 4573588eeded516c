import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Signer } from "../../seal/keys/keyring.ts";
import { generateKey, readPrivateKey, type UnlockedKey } from "../../seal/keys/private-key.ts";
import { keysFileName, newSessionKey, wrapSessionKey } from "../../seal/keys/session-key.ts";
import { signDetached } from "../../seal/keys/signature.ts";
import type { Artifact, Segment } from "../../vault/format/manifest.ts";
import { type Sabotage, sabotages } from "../../vault/format/proof.ts";
import { manifestName, signatureName } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type Change, overlaid } from "../../vault/s3/overlaid.ts";
import { openSet, type SignedSet } from "../../vault/sets/open-set.ts";
import { SeededChoice } from "../test-restore/defect/defect.ts";
import { verifySet } from "../verify/verify.ts";

/** What became of the sabotaged set. */
export interface SabotageResult {
  readonly kind: Sabotage;
  readonly seed: string;
  /** Code of the refusal. Null: nothing refused it. */
  readonly refusedBy: string | null;
}

interface Trial {
  readonly vault: Vault;
  readonly signed: SignedSet;
  readonly trusted: readonly Signer[];
  readonly prover: UnlockedKey;
  /** Recipients of the set, for a keys.pgp that somebody has rewritten. */
  readonly recipients: readonly Signer[];
  /** 8 hex digits: it decides what is changed. */
  readonly seed: string;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Reads the set as a recovery does before it writes anything, with one thing in it changed as somebody with the bucket could change it.
 * Only what this drill reads is changed: nothing is written to the vault.
 *
 * @throws what the store throws; what says nothing about the set
 */
export async function trySabotaged(trial: Trial): Promise<SabotageResult> {
  const { vault, signed, seed, trusted, prover, log, signal } = trial;
  const choice = new SeededChoice(seed);
  const kind = sabotages[choice.below(sabotages.length)] ?? "manifest byte";
  const changes = await changesOf(kind, trial, choice);
  const other = overlaid(vault, changes);
  log.info(`Sabotage, seed ${seed}: ${kind}. Whoever reads this set now must refuse it.`);
  const refusedBy = await admits(other, signed, { trusted, prover, log, signal });
  if (refusedBy === null) log.warn(`The sabotaged set (${kind}) was accepted.`);
  else log.info(`Refused: ${refusedBy}.`);
  return { kind, seed, refusedBy };
}

/** What large artifacts hold was read by the recovery itself; they are not changed here, and not read again. */
const large: ReadonlySet<Artifact["kind"]> = new Set(["data", "json", "large-objects", "secrets", "configuration"]);

/** @returns the code of the refusal; null: nothing was found */
async function admits(
  vault: Vault,
  { tier, set }: SignedSet,
  { trusted, prover, log, signal }: Pick<Trial, "trusted" | "prover" | "log" | "signal">,
): Promise<string | null> {
  try {
    await openSet(vault, { tier, set }, { trustedSigners: trusted, privateKey: prover });
    const options = { trustedSigners: trusted, deep: false, leaveOut: large, signal };
    const { outcome, findings } = await verifySet(vault, { tier, set }, options, log);
    if (outcome === "whole") return null;
    return findings.find(({ severity }) => severity === "damage")?.code ?? "set-damaged";
  } catch (error) {
    signal.throwIfAborted();
    // What the store did not answer was not refused.
    if (error instanceof LifeboatError && refusals.has(error.code)) return error.code;
    throw error;
  }
}

const refusals: ReadonlySet<string> = new Set([
  ...["manifest-untrusted", "set-unknown", "s3-missing", "keys-damaged", "keys-unsigned", "keys-untrusted"],
  ...["session-key-foreign", "signature-invalid", "signature-foreign", "wrong-private-key"],
]);

async function changesOf(kind: Sabotage, trial: Trial, choice: SeededChoice): Promise<Map<string, Change>> {
  const { vault, signed, recipients } = trial;
  const key = (name: string): string => signed.prefix + name;
  const read = async (name: string): Promise<Buffer> => Buffer.from((await vault.get(key(name))).body);
  switch (kind) {
    case "manifest byte": {
      const body = await read(manifestName);
      const at = choice.below(body.length);
      body.writeUInt8(body.readUInt8(at) ^ (1 << choice.below(8)), at);
      return new Map([[key(manifestName), { body }]]);
    }
    case "foreign signature": {
      const body = Buffer.from(await signDetached(await read(manifestName), await stranger()));
      return new Map([[key(signatureName), { body }]]);
    }
    case "rewritten keys": {
      // Sealed to the right people, with the old signature beside it: only a look at that tells.
      const body = await wrapSessionKey(newSessionKey(), recipients);
      return new Map([[key(keysFileName), { body }]]);
    }
    case "missing part":
      return new Map([[key(choice.shuffled(small(signed))[0]?.key ?? manifestName), null]]);
    case "swapped artifacts": {
      const [one, other] = choice.shuffled(small(signed));
      if (one === undefined || other === undefined)
        throw new ConfigurationError("set-too-small", `Set ${signed.set} has no two small artifacts to swap.`);
      return new Map([
        [key(one.key), { body: await read(other.key) }],
        [key(other.key), { body: await read(one.key) }],
      ]);
    }
  }
}

const mostBytes = 16 * 1024 * 1024;

/** Parts of what is always read, that fit into memory. */
function small({ manifest }: SignedSet): Segment[] {
  return manifest.artifacts
    .filter(({ kind }) => !large.has(kind))
    .flatMap(({ segments }) => segments)
    .filter(({ bytes }) => bytes <= mostBytes);
}

/** A signing key like ours that nobody has pinned, made for this moment. */
async function stranger(): Promise<UnlockedKey> {
  const expires = new Date(Date.now() + 86_400_000);
  const made = await generateKey({ project: "stranger", role: "signing", expires, passphrase: "stranger" });
  return readPrivateKey(made.privateArmored, "stranger");
}
