import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import type { PinnedRecipient } from "../../seal/keys/pins.ts";
import { signatureCounts, signDetached } from "../../seal/keys/signature.ts";
import { peopleVerifier } from "../../vault/configured.ts";
import { erasuresPrefix, isEntryKey, isErased, keysPrefix, scriptsPrefix } from "../../vault/erasures/entries.ts";
import { readHashKey, sealedHashKeys, storeHashKey } from "../../vault/erasures/hash-key.ts";
import { assertWhole, type Ledger, readLedger } from "../../vault/erasures/ledger.ts";
import { newSetId } from "../../vault/format/manifest.ts";
import type { IncidentGate } from "../../vault/incident/state.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type Version, versionsBelow } from "../../vault/s3/versions.ts";
import type { Context } from "../context.ts";
import { lockAll, storeScript } from "../erase/record.ts";
import { type Removal, type RewrapRow, removeVersions } from "./rewrap.ts";

/** As of a set. */
export type RewrappedLedger = Omit<RewrapRow, "tier" | "set">;

interface RewrapLedgerOptions {
  readonly recipients: readonly PinnedRecipient[];
  readonly dryRun: boolean;
  readonly gate?: IncidentGate | undefined;
}

/**
 * Changes whom the ledger of erasures is sealed to: the key of its hashes, and its SQL for psql. Both get names of their own, since each name is
 * written once; then the older ones go, where no lock keeps them. A run that was killed is finished by running it again.
 *
 * @returns nothing where nobody was ever erased
 */
export async function rewrapLedger(context: Context, options: RewrapLedgerOptions): Promise<RewrappedLedger[]> {
  const vault = await context.vault();
  // Before anything is read: what somebody else lays down meanwhile is not removed.
  const listed = await versionsBelow(vault.transport, erasuresPrefix);
  const verify = await peopleVerifier(context.config());
  const ledger = await readLedger(vault, verify);
  if (![...ledger.taken].some(isEntryKey)) return [];
  try {
    return [await rewrap(context, vault, verify, ledger, { ...options, listed })];
  } catch (error) {
    if (!(error instanceof LifeboatError) || error.code === "incident-on") throw error;
    context.log.warn(`The ledger of erasures: ${error.message}`);
    const problem = { code: error.code, message: error.message, next: error.next };
    return [{ outcome: "failed", before: [], after: [], removedVersions: 0, keptVersions: [], problem }];
  }
}

async function rewrap(
  context: Context,
  vault: Vault,
  verify: Awaited<ReturnType<typeof peopleVerifier>>,
  ledger: Ledger,
  { recipients, dryRun, gate, listed }: RewrapLedgerOptions & { readonly listed: readonly Version[] },
): Promise<RewrappedLedger> {
  if (ledger.entries.length === 0)
    throw new ConfigurationError(
      "ledger-unsigned",
      "No entry of the ledger of erasures is signed by a key that counts.",
      "Name the former operations or escrow key in repair.formerKeys of the policy: without it no restore leaves out who was erased.",
    );
  assertWhole(ledger);
  const opening = await context.openingKey();
  const sign = (bytes: Uint8Array) => signDetached(bytes, opening);
  if (!(await signatureCounts(sign, verify)))
    throw new ConfigurationError(
      "signing-key-missing",
      "The key that opens the ledger of erasures is none whose signature counts for it: nothing was sealed anew.",
      "Use the escrow key in RESTORE_PRIVATE_KEY, or name the former operations key in repair.formerKeys of the policy while it is replaced.",
    );
  const none = { before: [], after: [], removedVersions: 0, keptVersions: [], problem: null };
  const commitment = ledger.entries.find(isErased)?.key;
  if (commitment === undefined) return { outcome: "unchanged", ...none };
  const key = await readHashKey(vault, commitment, verify, opening);
  const [newest] = await sealedHashKeys(vault, commitment, verify);
  const before = newest?.sealedTo ?? [];
  const after = recipients.map(({ fingerprint }) => fingerprint);
  const unchanged = [...before].sort().join() === [...after].sort().join();
  const row = { ...none, before, after };
  if (dryRun) return { ...row, outcome: unchanged ? "unchanged" : "would-rewrap" };
  await gate?.(keysPrefix(commitment));
  const removals: Removal[] = [];
  const remove = (prefix: string, counts: string) =>
    removeVersions(
      vault,
      listed.filter(({ key, marker }) => !marker && key.startsWith(prefix) && key !== counts),
    );
  const open = { vault, sign, context };
  let counts = newest?.name ?? "";
  if (!unchanged) {
    // First, so that a run that is killed begins again with it. What lies beside it is older, or somebody's who holds no key.
    const id = newSetId(await vault.serverTime());
    const script = (await storeScript(open, id, ledger.entries, key, recipients)).key;
    await lockAll(open, [script, `${script}.sig`]);
    removals.push(await remove(scriptsPrefix, script));
    counts = await storeHashKey(vault, key, recipients, sign, true);
  }
  // Of a run that was killed, too: the only one may not be left without a lock.
  await lockAll(open, [counts]);
  // Also where nothing had to be changed: a run that was killed may have left them.
  removals.push(await remove(keysPrefix(commitment), counts));
  const keptVersions = removals.flatMap(({ kept }) => kept);
  for (const { versionId, until, code } of keptVersions)
    context.log.warn(
      `The ledger of erasures: version ${versionId} of its key or its SQL stays (${until === null ? `the store says ${code}` : `locked until ${until.toISOString()}`}); its recipients can still open it.`,
    );
  const removedVersions = removals.reduce((sum, { removed }) => sum + removed, 0);
  return { ...row, outcome: unchanged ? "unchanged" : "rewrapped", removedVersions, keptVersions };
}
