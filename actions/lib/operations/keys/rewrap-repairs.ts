import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import type { PinnedRecipient } from "../../seal/keys/pins.ts";
import { keysFileName, wrappedKeyIds, wrapSessionKey } from "../../seal/keys/session-key.ts";
import { signatureCounts, signDetached } from "../../seal/keys/signature.ts";
import type { IncidentGate } from "../../vault/incident/state.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import { type RepairRecord, readRepairs, repairPrefix } from "../../vault/repairs/records.ts";
import { keysOf, type RepairVault, repairKey, storeKeys } from "../../vault/repairs/store.ts";
import { versionsBelow } from "../../vault/s3/versions.ts";
import { type RewrapRow, removeVersions } from "./rewrap.ts";

export interface RewrapRepairsOptions {
  /** Its key opens the repairs and signs what is noted; its recipients are those whom they are sealed to. */
  readonly store: Omit<RepairVault, "recipients"> & { readonly recipients: readonly PinnedRecipient[] };
  /** As of `readRepairs`; the store's key has to be among those that it trusts. */
  readonly verify: VerifySignature;
  readonly dryRun: boolean;
  readonly warn: (text: string) => void;
  readonly gate?: IncidentGate | undefined;
}

/** As of a set. */
export interface RewrappedRepair extends Omit<RewrapRow, "tier" | "set"> {
  readonly repair: string;
}

/**
 * Changes whom plans and undos are sealed to. Their first keys.pgp counts whatever lies over it, so that a signed note takes its place;
 * then the older ones go, where no lock keeps them. A run that was killed is finished by running it again.
 */
export async function rewrapRepairs(options: RewrapRepairsOptions): Promise<RewrappedRepair[]> {
  const { store, verify, warn } = options;
  const { repairs, refused } = await readRepairs(store.vault, verify);
  if (refused.length > 0)
    warn(
      `${refused.length} documents of repairs are signed by no key that counts (repair.formerKeys in the policy names former ones): their repairs are left as they are.`,
    );
  const rows: RewrappedRepair[] = [];
  for (const repair of repairs) {
    store.signal?.throwIfAborted();
    try {
      rows.push(await rewrap(repair, options));
    } catch (error) {
      if (!(error instanceof LifeboatError) || error.code === "incident-on") throw error;
      warn(`Repair ${repair.id}: ${error.message}`);
      const problem = { code: error.code, message: error.message, next: error.next };
      const none = { before: [], after: [], removedVersions: 0, keptVersions: [] };
      rows.push({ repair: repair.id, outcome: "failed", ...none, problem });
    }
  }
  return rows;
}

async function rewrap(repair: RepairRecord, options: RewrapRepairsOptions): Promise<RewrappedRepair> {
  const { store, verify, dryRun, gate } = options;
  if (!(await signatureCounts((bytes) => signDetached(bytes, store.key), verify)))
    throw new ConfigurationError(
      "signing-key-missing",
      "The key that opens repairs is none whose signature counts for them: nothing was sealed anew.",
      "Use the escrow key in RESTORE_PRIVATE_KEY, or name the former operations key in repair.formerKeys of the policy while it is replaced.",
    );
  const session = await repairKey(store.vault, repair, store.key);
  const body = await wrapSessionKey(session, store.recipients);
  const [before, after] = await Promise.all([wrappedKeyIds(await keysOf(store.vault, repair)), wrappedKeyIds(body)]);
  const unchanged = before.toSorted().join() === after.toSorted().join();
  const row = { repair: repair.id, before, after, removedVersions: 0, keptVersions: [], problem: null };
  const prefix = repairPrefix(repair.id);
  if (dryRun) return { ...row, outcome: unchanged ? "unchanged" : "would-rewrap" };
  await gate?.(`${prefix}${keysFileName}`);
  const last = repair.keys === undefined ? keysFileName : `keys-${repair.keys.mark}.json`;
  const counts = prefix + (unchanged ? last : await storeKeys(store, repair.id, body));
  // Also where nothing had to be changed: a run that was killed may have left them.
  const older = (await versionsBelow(store.vault.transport, `${prefix}keys`)).filter(
    ({ key, marker }) => !marker && key !== counts && key !== `${counts}.sig`,
  );
  const { removed, kept } = await removeVersions(store.vault, older);
  for (const { versionId, until, code } of kept)
    options.warn(
      `Repair ${repair.id}: version ${versionId} of its keys stays (${until === null ? `the store says ${code}` : `locked until ${until.toISOString()}`}); its recipients can still open the repair.`,
    );
  return { ...row, outcome: unchanged ? "unchanged" : "rewrapped", removedVersions: removed, keptVersions: kept };
}
