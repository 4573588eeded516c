import { silentLog } from "../../actions/lib/base/log.ts";
import { type Policy, type PolicyInput, policySchema } from "../../actions/lib/config/policy/policy.ts";
import { applyRetention, type VaultsRetention } from "../../actions/lib/operations/retention/apply-retention.ts";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { type Manifest, newSetId, setPrefix, type Tier } from "../../actions/lib/vault/format/manifest.ts";
import { proofPrefix } from "../../actions/lib/vault/format/proof.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { encodeManifest, publishSet, type SetName } from "../../actions/lib/vault/sets/catalogue.ts";
import { manifestHash } from "../../actions/lib/vault/sets/proof-store.ts";
import { newBucket } from "../faults/proxy/test-bucket.ts";
import { storeUnpublished } from "../faults/proxy/test-manifest.ts";
import { newTestKey } from "./assembled-set.ts";
import { labPolicy } from "./backup-lab.ts";

const day = 86_400_000;

export interface Laying {
  readonly tier?: Tier;
  /** Hours before now at which its data was read; default 1. */
  readonly hours?: number;
  /** Days after now at which it says that it was published: what it announces counts from then. */
  readonly announcedAfter?: number;
  readonly change?: (manifest: Manifest) => Manifest;
}

/**
 * A vault with small sets of this hour, and retention at a day that the test chooses. The store's own times are those of the test,
 * so that it is the clocks that are moved: both of them.
 */
export interface RetentionVault extends Disposable {
  readonly vault: Vault;
  readonly settings: Awaited<ReturnType<typeof newBucket>>;
  readonly lease: { assertHeld(): Promise<void> };
  readonly verify: (bytes: Uint8Array, armored: string) => ReturnType<typeof verifyDetached>;
  /** With the signing key. */
  readonly sign: (bytes: Uint8Array) => Promise<string>;
  policy(change?: (policy: PolicyInput) => PolicyInput): Policy;
  /** Sets of the policy, verified unless the test changes them. */
  lay(...sets: Laying[]): Promise<string[]>;
  proof(set: SetName, outcome: "proven" | "failed", after?: number): Promise<string>;
  /** @param days after now */
  retention(days: number, more?: RetentionMore): Promise<VaultsRetention>;
  /** `<tier>/<set>` of every set whose manifest is there. */
  sets(): Promise<string[]>;
  keys(prefix: string): Promise<string[]>;
}

export interface RetentionMore {
  readonly dryRun?: boolean;
  readonly explain?: string;
  readonly policy?: Policy;
  /** Another way to the same bucket. */
  readonly vault?: Vault;
  /** The machine's own clock and the store's; default: both moved alike. */
  readonly now?: Date;
  readonly storeTime?: (vault: Vault) => Promise<Date>;
}

/**
 * One request deletes a thousand versions, and no byte moves meanwhile: on a busy machine the lab's store takes longer for it than the two
 * seconds of silence after which other tests give a request up. Nothing here is about a store that is silent.
 */
const patient = { stallSeconds: 30, totalSeconds: 120 };

/** Terms of a day, a week and a month, and sets that stay fresh for ever: what a test is about, it changes. */
export async function openRetentionVault(options: { lock?: boolean } = {}): Promise<RetentionVault> {
  const [bucket, signing, prover] = await Promise.all([
    newBucket({ lock: options.lock ?? true }),
    newTestKey("signing"),
    newTestKey("prover"),
  ]);
  const settings = { ...bucket, retry: { ...bucket.retry, ...patient } };
  const vault = openVault(settings);
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signing.signers);
  // `newTestKey` tells signers of signing keys alone.
  const verifyProof = (bytes: Uint8Array, armored: string) =>
    verifyDetached(bytes, armored, [...signing.signers, ...prover.signers]);
  const lease = { async assertHeld() {} };
  const base: PolicyInput = {
    ...labPolicy({ recipients: { operations: null, prover: null, escrow: null }, signing: [] }),
    tiers: {
      daily: { retentionDays: 5, lock: "none" },
      weekly: { retentionDays: 10, lock: "none" },
      monthly: { retentionDays: 30, lock: "none" },
    },
    retention: { keepNewest: 1, staleDays: 10_000, staleProofDays: null },
  };
  const policy: RetentionVault["policy"] = (change = (same) => same) => policySchema.parse(change(base));
  return {
    ...{ vault, settings, lease, verify, policy },
    sign: (bytes) => signDetached(bytes, signing.unlocked),
    async lay(...sets) {
      const ids: string[] = [];
      for (const { tier = "daily", hours = 1, announcedAfter = 0, change = (same: Manifest) => same } of sets) {
        const at = new Date(Date.now() - hours * 3_600_000);
        const set = newSetId(at);
        const made = await storeUnpublished(vault, tier, set);
        const finishedAt = new Date(at.getTime() + announcedAfter * day).toISOString();
        const manifest = change({
          ...made,
          ...{ startedAt: at.toISOString(), snapshotAt: at.toISOString(), finishedAt, readBack: true },
          policy: { terms: { daily: 5, weekly: 10, monthly: 30 } },
        });
        const bytes = encodeManifest(manifest);
        await publishSet(vault, { tier, set }, bytes, await signDetached(bytes, signing.unlocked), { lease });
        ids.push(set);
      }
      return ids;
    },
    async proof({ tier, set }, outcome, after = 0) {
      const id = newSetId(new Date());
      const time = new Date(Date.now() + after * day).toISOString();
      const key = `${proofPrefix(set)}${id}.json`;
      const none = { objects: 0, tables: 0, rows: "0", foreignKeysChecked: 0, databaseBytes: "0", storedBytes: "0" };
      const body = Buffer.from(
        JSON.stringify({
          ...{ format: "lifeboat-proof/1", proof: id, set, tier, manifestSha256: await manifestHash(vault, tier, set) },
          ...{ snapshotAt: time, turn: "newest", startedAt: time, finishedAt: time, outcome },
          target: { name: "staging", projectRef: "x", kind: "plain", serverVersion: "17" },
          ...{ software: { lifeboat: "0", node: "24" }, counts: none, files: null, checks: [], performance: [] },
          ...{ differences: { failed: 0, expected: 0, unverified: 0 }, defect: null, stages: [] },
          ...{ restoreSeconds: 1, totalSeconds: 1 },
        }),
      );
      await vault.put(`${key}.sig`, Buffer.from(await signDetached(body, signing.unlocked)));
      await vault.put(key, body);
      return key;
    },
    retention(days, { vault: other = vault, policy: changed = policy(), dryRun = false, ...more } = {}) {
      const now = new Date(Date.now() + days * day);
      return applyRetention({
        ...{ database: other, files: null, policy: changed, verify, verifyProof, dryRun, log: silentLog },
        verifyRelease: verify,
        ...{ now, storeTime: async () => now, ...more },
      });
    },
    async sets() {
      const versions = await versionsBelow(vault.transport, "database/");
      return versions.flatMap(({ key, marker }) => {
        const name = /^database\/(.*)\/manifest\.json$/.exec(key)?.[1];
        return name === undefined || marker ? [] : [name];
      });
    },
    keys: async (prefix) =>
      (await versionsBelow(vault.transport, prefix)).filter(({ marker }) => !marker).map(({ key }) => key),
    [Symbol.dispose]: () => vault.close(),
  };
}

export const manifestOf = ({ tier, set }: SetName): string => `${setPrefix(tier, set)}manifest.json`;
