import type { Policy } from "../../config/policy/policy.ts";
import { type Tier, tierSchema, timeOfSet } from "../../vault/format/manifest.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { firstOf, trustedSets } from "../../vault/standing.ts";

const day = 86_400_000;

/** Until when the sets of a tier hold what a change takes away. */
export interface SetsWithIt {
  readonly tier: Tier;
  /** The newest one that there is; null where the vault was not asked, or has none. */
  readonly set: string | null;
  /** Ms since 1970. */
  readonly until: number;
}

/** Where sets are looked up, and whose signatures count. */
export interface Catalogue {
  readonly vault: Vault;
  readonly verify: VerifySignature;
}

/**
 * How long what is there now can be brought back: the term of the policy from the newest set on, or from now on where the vault
 * is not asked. A set that is held, or the newest proven one, may stay longer.
 */
export async function keptIn(policy: Policy, catalogue: Catalogue | undefined, now: number): Promise<SetsWithIt[]> {
  return Promise.all(
    tierSchema.options.map(async (tier) => {
      const term = policy.tiers[tier].retentionDays * day;
      const newest = catalogue && (await firstOf(trustedSets(catalogue.vault, catalogue.verify, { tier })));
      return { tier, set: newest?.set ?? null, until: (newest === undefined ? now : timeOfSet(newest.set)) + term };
    }),
  );
}
