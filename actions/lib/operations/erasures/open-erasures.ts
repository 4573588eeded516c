import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import { manifestVerifier, peopleVerifier } from "../../vault/configured.ts";
import { isErased } from "../../vault/erasures/entries.ts";
import { readHashKey } from "../../vault/erasures/hash-key.ts";
import { olderThan, readLedger } from "../../vault/erasures/ledger.ts";
import type { LedgerHead } from "../../vault/format/manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { firstOf, trustedSets } from "../../vault/standing.ts";
import type { Context } from "../context.ts";
import type { Erasures } from "./replay.ts";

/** What has to be taken out of everything that comes back; or why nobody can say. */
export interface ErasuresKnown {
  /** Undefined: nobody was ever erased, or it cannot be told. */
  readonly erasures: Erasures | undefined;
  /** Why it cannot be told, a sentence. Null: it can. */
  readonly problem: string | null;
}

export interface ErasuresSource {
  readonly config: Config;
  readonly vault: Vault;
  readonly privateKey: UnlockedKey;
  /** How far the ledger went when the set was made that comes back. */
  readonly noted?: LedgerHead | undefined;
  readonly log: Log;
}

/**
 * Reads the ledger of erasures for a road back, and compares it with what the set and the newest set have noted of it. That it cannot be
 * used stops nobody: what is brought back then is not proven, and says so.
 * @throws OperationError `s3-unavailable`; ConfigurationError `s3-denied`
 */
export async function openErasures({ config, vault, privateKey, noted, log }: ErasuresSource): Promise<ErasuresKnown> {
  const verify = await peopleVerifier(config);
  const ledger = await readLedger(vault, verify);
  for (const alarm of ledger.alarms) log.warn(alarm);
  const newest = await firstOf(trustedSets(vault, await manifestVerifier(config), { marked: "count" }));
  const wrong = ledger.broken ?? olderThan(ledger, noted) ?? olderThan(ledger, newest?.erasures);
  if (wrong !== null) return { erasures: undefined, problem: `The ledger of erasures cannot be relied on: ${wrong}.` };
  const { entries } = ledger;
  const keys = new Set(entries.filter(isErased).map(({ key }) => key));
  const [commitment] = keys;
  if (commitment === undefined) return { erasures: undefined, problem: null };
  if (keys.size > 1) return { erasures: undefined, problem: "The ledger of erasures names two keys." };
  try {
    return { erasures: { entries, key: await readHashKey(vault, commitment, verify, privateKey) }, problem: null };
  } catch (error) {
    if (!(error instanceof LifeboatError) || !/^(erasure-key|document-damaged)/.test(error.code)) throw error;
    return { erasures: undefined, problem: error.message };
  }
}

/** The same for an operation that has the vault of the sets open. */
export async function erasuresOf(context: Context): Promise<ErasuresKnown> {
  const [vault, privateKey] = [await context.vault(), await context.openingKey()];
  return openErasures({ config: context.config(), vault, privateKey, log: context.log });
}
