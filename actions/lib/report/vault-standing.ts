import { listSets } from "../vault/catalogue.ts";
import type { Vault } from "../vault/client.ts";
import { provenSets } from "../vault/proven.ts";
import type { VerifySignature } from "../vault/signed-manifest.ts";
import { listSnapshots } from "../vault/snapshot/snapshot-catalogue.ts";
import type { Standing, StandingSet } from "./standing.ts";

/** Of the newest sets is told; the oldest of a month shows the pace at which the project grows. */
const newestSets = 60;

/**
 * What the vault has now: sets whose manifests a pinned key signed, and the tests that they passed.
 * @param verify checks manifests @param verifyProof checks proofs (`provenBy`)
 * @param storage the files' vault, where there is one: what its newest trusted snapshot holds is told as well
 */
export async function standingOfVault(
  vault: Vault,
  verify: VerifySignature,
  verifyProof: VerifySignature,
  storage?: Vault,
): Promise<Standing> {
  const [listed, proven, files] = await Promise.all([
    listSets(vault, { verify, newest: newestSets }),
    provenSets(vault, verifyProof),
    storage === undefined ? null : newestFiles(storage, verify),
  ]);
  const tested = new Map(proven.map((one) => [`${one.tier}/${one.set}`, one]));
  const sets = listed.flatMap(({ set, tier, snapshotAt, counts, signature }): StandingSet[] =>
    signature !== "verified" || snapshotAt === null || counts === null
      ? []
      : [
          {
            set,
            tier,
            snapshotAt,
            plainBytes: Number(counts.plainBytes),
            rows: Number(counts.rows),
            provenAt: tested.get(`${tier}/${set}`)?.provenAt ?? null,
          },
        ],
  );
  const bytesOf = new Map(sets.map(({ set, plainBytes }) => [set, plainBytes]));
  const restores = proven.map(({ set, provenAt, proof }) => ({
    at: provenAt,
    set,
    seconds: proof.restoreSeconds,
    plainBytes: bytesOf.get(set) ?? null,
  }));
  restores.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
  sets.sort((a, b) => (a.snapshotAt < b.snapshotAt ? 1 : a.snapshotAt > b.snapshotAt ? -1 : 0));
  return { sets, restores, files, source: "vault", bucket: vault.bucket, complete: listed.length < newestSets };
}

/** A newest snapshot that cannot be trusted must not hide the one before it. */
async function newestFiles(storage: Vault, verify: VerifySignature): Promise<Standing["files"]> {
  const listed = await listSnapshots(storage, verify, { newest: 5 });
  const trusted = listed.find(({ manifest }) => manifest !== null)?.manifest;
  return trusted ? { at: trusted.snapshotAt, bytes: Number(trusted.counts.bytes) } : null;
}
