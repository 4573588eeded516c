import { LifeboatError } from "../base/errors.ts";
import type { RetryPolicy } from "../base/flow/retry.ts";
import { type Environment, type FormerKeys, type KeyMaterial, optional, readKey } from "../config/environment.ts";
import { type Config, loadConfig } from "../config/load.ts";
import { Problems } from "../config/problems.ts";
import { hasReplica } from "../config/vault-location.ts";
import { readKeyring, type Signer } from "../seal/keys/keyring.ts";
import { pinnedSigners } from "../seal/keys/pins.ts";
import { readPrivateKey, type UnlockedKey } from "../seal/keys/private-key.ts";
import { type SignBytes, signDetached, verifyDetached } from "../seal/keys/signature.ts";
import type { VerifyRelease, VerifySignature } from "./published/signed-manifest.ts";
import { openVault, type Vault, type VaultSettings } from "./s3/client.ts";
import { readStanding, type StandingSources, type VaultStanding } from "./standing.ts";

/** What every edge makes of the configuration before it calls the core. */

/** Whose signatures count: the pinned signing keys whose public halves are there. */
export const trustedSigners = once(
  async ({ publicKeys, policy }: Config): Promise<Signer[]> =>
    pinnedSigners(await readKeyring(publicKeys.armored), policy.keys),
);

/** Checks the signatures of manifests by them. */
export async function manifestVerifier(config: Config): Promise<VerifySignature> {
  const signers = await trustedSigners(config);
  return (bytes, armored) => verifyDetached(bytes, armored, signers);
}

/**
 * Checks the signatures of proofs: only the prover's count, the pinned one's and those that the policy names as former. The
 * key that signs backups cannot say that they restore.
 */
export async function provenBy(config: Config): Promise<VerifySignature> {
  const { keys, restoreTest } = config.policy;
  const pins = [keys.recipients.prover, ...restoreTest.formerProvers];
  const { signers } = await readKeyring(config.publicKeys.armored);
  const provers = signers.filter(({ fingerprint }) => pins.includes(fingerprint));
  return (bytes, armored) => verifyDetached(bytes, armored, provers);
}

/** Who can open what is sealed, as signers: their word on what they have read counts. */
export async function readerSigners(config: Config): Promise<Signer[]> {
  const pins = Object.values(config.policy.keys.recipients);
  const { signers } = await readKeyring(config.publicKeys.armored);
  return signers.filter(({ fingerprint }) => pins.includes(fingerprint));
}

/** Every key that a job, or a person, of ours works with. */
export async function noteSigners(config: Config): Promise<Signer[]> {
  return [...(await trustedSigners(config)), ...(await readerSigners(config))];
}

/** Checks notes of jobs (reports, claims, marks): all of those may have signed them. */
export async function noteVerifier(config: Config): Promise<VerifySignature> {
  const signers = await noteSigners(config);
  return (bytes, armored) => verifyDetached(bytes, armored, signers);
}

/**
 * Checks what lets something go again, the release of a hold or the end of an incident: the keys that people have count,
 * operations and escrow. The jobs' keys do not, those that sign sets and proofs: a job needs no reviewer, and a key that was stolen from one
 * must not end the incident about it.
 */
export async function releaseVerifier(config: Config): Promise<VerifyRelease> {
  const people = await peoplesKeys(config);
  const begins = await recordVerifier(config);
  return Object.assign((bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, people), { begins });
}

/** Checks plans of repairs, what is noted of them, and the ledger of erasures: people's keys count, and those that the policy names as former. */
export async function peopleVerifier(config: Config): Promise<VerifySignature> {
  const { formerKeys } = config.policy.repair;
  const { signers } = await readKeyring(config.publicKeys.armored);
  const people = await peoplesKeys(config);
  const trusted = [...people, ...signers.filter(({ fingerprint }) => formerKeys.includes(fingerprint))];
  return (bytes, armored) => verifyDetached(bytes, armored, trusted);
}

async function peoplesKeys(config: Config): Promise<Signer[]> {
  const { operations, escrow } = config.policy.keys.recipients;
  const { signers } = await readKeyring(config.publicKeys.armored);
  return signers.filter(({ fingerprint }) => fingerprint === operations || fingerprint === escrow);
}

/** Checks what makes something stay, and what the begin of an incident has noted: the signing key's word counts, and people's. */
export async function recordVerifier(config: Config): Promise<VerifySignature> {
  const trusted = [...(await trustedSigners(config)), ...(await peoplesKeys(config))];
  return (bytes, armored) => verifyDetached(bytes, armored, trusted);
}

/** By what `readStanding` judges what it reads. */
export async function standingRules(
  config: Config,
): Promise<Pick<StandingSources, "verify" | "verifyProof" | "verifyRelease" | "tiers">> {
  const { tiers } = config.policy;
  const [verify, verifyProof] = [await manifestVerifier(config), await provenBy(config)];
  return { verify, verifyProof, verifyRelease: await releaseVerifier(config), tiers };
}

/** Signs notes with the key that the job works with; undefined where its environment has none that can be used. */
export function noteSigner(env: Environment): Promise<SignBytes | undefined> {
  return signerOf(env, [signingNames, openingNames]);
}

/** Signs what `releaseVerifier` checks, with RESTORE_PRIVATE_KEY; undefined where it is not set or cannot be used. */
export function releaseSigner(env: Environment): Promise<SignBytes | undefined> {
  return signerOf(env, [openingNames]);
}

const signingNames = { key: "BACKUP_SIGNING_KEY", passphrase: "BACKUP_SIGNING_PASSPHRASE" } as const;
const openingNames = { key: "RESTORE_PRIVATE_KEY", passphrase: "RESTORE_PASSPHRASE" } as const;

async function signerOf(
  env: Environment,
  among: readonly { readonly key: string; readonly passphrase: string }[],
): Promise<SignBytes | undefined> {
  const problems = new Problems();
  const names = among.find(({ key }) => optional(env, key) !== undefined);
  const material = names && readKey(env, { ...names, what: "the key that signs" }, problems);
  if (material === undefined) return undefined;
  try {
    const key = await readPrivateKey(material.armored.reveal(), material.passphrase?.reveal());
    return (bytes) => signDetached(bytes, key);
  } catch {
    return undefined; // what is wrong with it is said by the work itself
  }
}

/** The private key that opens sets. @throws ConfigurationError as `readPrivateKey` */
export const openingKey = once(
  ({ opening }: Config<"opening">): Promise<UnlockedKey> =>
    readPrivateKey(opening.armored.reveal(), opening.passphrase?.reveal()),
);

/** The private key that signs. @throws ConfigurationError as `readPrivateKey` */
export const signingKey = once(
  ({ signing }: Config<"signing">): Promise<UnlockedKey> =>
    readPrivateKey(signing.armored.reveal(), signing.passphrase?.reveal()),
);

/** What a sync may open older lists with. @throws ConfigurationError as `readPrivateKey` */
export async function unlockFormerKeys({ signing, opening }: FormerKeys): Promise<{
  formerSigning: UnlockedKey[];
  opening: UnlockedKey | undefined;
}> {
  const unlock = ({ armored, passphrase }: KeyMaterial) => readPrivateKey(armored.reveal(), passphrase?.reveal());
  return {
    formerSigning: signing === undefined ? [] : [await unlock(signing)],
    opening: opening === undefined ? undefined : await unlock(opening),
  };
}

/** The files' vault, open, where S3_STORAGE_BUCKET names one: for those who look at it and can do without. */
export async function openStorageVault(
  options?: Pick<VaultSettings, "retry">,
  env: Environment = process.env,
): Promise<Vault | undefined> {
  if (optional(env, "S3_STORAGE_BUCKET") === undefined) return undefined;
  const { storageVault } = await loadConfig({ needs: ["storageVault"], env });
  return openVault({ ...storageVault, ...options });
}

/** The replica, open, where S3_REPLICA_BUCKET names one. */
export async function openReplica(
  options?: Pick<VaultSettings, "retry">,
  env: Environment = process.env,
): Promise<Vault | undefined> {
  if (!hasReplica(env)) return undefined;
  const { replica } = await loadConfig({ needs: ["replica"], env });
  return openVault({ ...replica, ...options });
}

/** What the vault has now, in both buckets. @throws LifeboatError when it cannot be asked */
export async function askStanding(config: Config<"vault">, retry: Partial<RetryPolicy> = {}): Promise<VaultStanding> {
  using vault = openVault({ ...config.vault, retry });
  using storage = await openStorageVault({ retry }, config.env);
  return await standingOf(config, { vault, storage }, retry);
}

/** The same of buckets that the caller has open, and of the replica, where there is one. */
export async function standingOf(
  config: Config<"vault">,
  open: Pick<StandingSources, "vault" | "storage">,
  retry: Partial<RetryPolicy> = {},
): Promise<VaultStanding> {
  // Settings of the replica that are wrong take nothing else out of sight.
  let wrong: string[] | undefined;
  using replica = await openReplica({ retry }, config.env).catch((error: unknown) => {
    if (!(error instanceof LifeboatError)) throw error;
    wrong = [`ALARM: the replica cannot be looked at: ${error.message}`];
    return undefined;
  });
  const bounded = replica && { vault: replica, lagHours: config.policy.replica.lagHours };
  const standing = await readStanding({ ...open, replica: bounded, ...(await standingRules(config)) });
  return { ...standing, replica: standing.replica ?? wrong };
}

/** With the vault that the caller has open, else with one that is opened for it alone. */
export async function withVault<Result>(
  open: Vault | undefined,
  settings: VaultSettings,
  work: (vault: Vault) => Promise<Result>,
): Promise<Result> {
  if (open !== undefined) return await work(open);
  using vault = openVault(settings);
  return await work(vault);
}

/** Once for each configuration: a run asks in several places, and to unlock a key takes a while. */
function once<Needed extends Config, Value>(make: (config: Needed) => Promise<Value>) {
  const made = new WeakMap<Needed, Promise<Value>>();
  return (config: Needed): Promise<Value> => {
    const known = made.get(config) ?? make(config);
    made.set(config, known);
    return known;
  };
}
