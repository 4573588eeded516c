import type { Environment } from "../../config/environment.ts";
import type { Config, Section } from "../../config/load.ts";
import { type SignBytes, signDetached, verifyDetached } from "../../seal/keys/signature.ts";
import { openTrail, type TrailWriter } from "../../vault/audit/append.ts";
import type { TrustEntries } from "../../vault/audit/find-head.ts";
import { noteSigner, noteSigners, openingKey, signingKey } from "../../vault/configured.ts";
import type { Vault } from "../../vault/s3/client.ts";

/** The trail as a run writes it. */
export interface RunTrail {
  readonly writer: TrailWriter;
  /** The run opens with the escrow key. */
  readonly breakGlass: boolean;
}

/** Whose signatures count on entries; undefined: no key is pinned. */
export async function trailTrust(config: Config): Promise<TrustEntries> {
  const signers = await noteSigners(config);
  if (signers.length === 0) return undefined;
  return (bytes, armored) => verifyDetached(bytes, armored, signers);
}

/** Signs with the key that the run has unlocked anyway, where it has one. */
export async function openRunTrail(config: Config, env: Environment, vault: Vault): Promise<RunTrail> {
  const trust = await trailTrust(config);
  const { sign, opens } = await keysOf(config, env);
  const { lock, lockDays } = config.policy.audit;
  return {
    writer: openTrail({ vault, trust, sign, lock: { mode: lock, days: lockDays } }),
    breakGlass: opens !== undefined && opens === config.policy.keys.recipients.escrow,
  };
}

/** What is wrong with a key is said by the work itself. */
async function keysOf(config: Config, env: Environment): Promise<{ sign: SignBytes | undefined; opens?: string }> {
  try {
    const opens = has(config, "opening") ? await openingKey(config) : undefined;
    const key = has(config, "signing") ? await signingKey(config) : opens;
    const sign = key === undefined ? await noteSigner(env) : (bytes: Uint8Array) => signDetached(bytes, key);
    return { sign, ...(opens && { opens: opens.fingerprint }) };
  } catch {
    return { sign: undefined };
  }
}

function has<Needed extends Section>(config: Config, section: Needed): config is Config<Needed> {
  return section in config;
}
