import { setPrefix } from "../../vault/format/manifest.ts";
import { snapshotPrefix } from "../../vault/format/names.ts";
import { alarmsOfHolds, quarterOf, strayHolds } from "../../vault/holds/check.ts";
import type { HoldRegister } from "../../vault/holds/register.ts";
import { manifestName, type VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { Going, RemovalsDone } from "./removal-loop.ts";

interface Looked {
  readonly register: HoldRegister;
  readonly verify: VerifySignature;
  /** Decides whose turn it is: each week another quarter of what is held. */
  readonly now: Date;
  readonly database: Vault | null;
  readonly files: Vault | null;
  /** What the run has removed, and what the store kept. */
  readonly sets: RemovalsDone | null;
  readonly snapshots: RemovalsDone | null;
}

/** What is wrong with the holds of the buckets that a run of retention works on, in words for people. */
export async function holdAlarms({ register, verify, now, database, files, sets, snapshots }: Looked) {
  // Of a set of the database the tier is always known.
  const ofSet = ({ tier, set }: Going): string => (tier === null ? "" : setPrefix(tier, set));
  const ofSnapshot = ({ set }: Going): string => snapshotPrefix(set);
  return [
    ...(await alarmsOfHolds(register, quarterOf(now), { vaults: { database, files, replica: null }, verify })),
    ...(database === null ? [] : await strayHolds(database, register, keptManifests(sets, ofSet))),
    ...(files === null ? [] : await strayHolds(files, register, keptManifests(snapshots, ofSnapshot))),
  ];
}

/** Manifests that the plan let go and the store did not. */
function keptManifests(done: RemovalsDone | null, folder: (set: Going) => string) {
  return (done?.whole ?? []).map((one) => ({ set: one.set, key: folder(one) + manifestName }));
}
