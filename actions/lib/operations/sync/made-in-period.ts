import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { type Period, periodAround, tierDue } from "../../policy/period.ts";
import type { Signer } from "../../seal/keys/keyring.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import type { Tier } from "../../vault/format/manifest.ts";
import type { SnapshotManifest } from "../../vault/format/snapshot-manifest.ts";
import { readIncident } from "../../vault/incident/state.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { firstOf, trustedSnapshots } from "../../vault/standing.ts";

export interface SnapshotsSoFar {
  /** The tier of a snapshot that is made now. */
  readonly tier: Tier;
  /** The newest one, when it lies in the present day, week or month by the store's clock; undefined: there is none. */
  readonly made: SnapshotManifest | undefined;
}

/**
 * What of the vault's snapshots matters to one that may be made now. Only those that a pinned key has signed count. When the
 * vault can't be asked, a daily one is made: the sync that follows looks at everything and says what is wrong.
 * @param ends checks the ends of incidents (`releaseVerifier`); by default as manifests
 */
export async function inspectSnapshots(
  vault: Vault,
  period: Period | undefined,
  signers: readonly Signer[],
  log: Log,
  ends?: VerifySignature,
): Promise<SnapshotsSoFar> {
  try {
    const now = await vault.serverTime();
    const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers);
    const newest = await firstOf(trustedSnapshots(vault, verify, { marked: "count" }));
    const takenAt = newest ? new Date(newest.snapshotAt) : undefined;
    const span = period === undefined ? undefined : periodAround(period, now);
    const isMade = span !== undefined && takenAt !== undefined && takenAt >= span.from && takenAt < span.until;
    // What was made while an incident was on counts only as long as one is on: then one is made that counts as a good one.
    const counts = newest?.incident === undefined || (await readIncident(vault, ends ?? verify)).on;
    return { tier: tierDue(takenAt, now), made: isMade && counts ? newest : undefined };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    log.warn(`Which snapshots of the files there are can't be told: ${error.message}`);
    return { tier: "daily", made: undefined };
  }
}
