import { ConfigurationError } from "../../base/errors.ts";
import { type SignBytes, signatureCounts } from "../../seal/keys/signature.ts";
import { releaseVerifier } from "../../vault/configured.ts";
import { type IncidentState, readIncident } from "../../vault/incident/state.ts";
import type { VerifyRelease } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { Context } from "../context.ts";

/** A bucket that could not be opened or written, and why. */
export interface Unreached {
  readonly bucket: string;
  readonly error: unknown;
}

/** Every bucket of the vault that is set, each by itself: one that cannot be reached must not keep the other from anything. */
export async function openEach(context: Context): Promise<{ vaults: Vault[]; unreached: Unreached[] }> {
  const sections = (["vault", "storageVault"] as const).filter((section) => context.has(section));
  const named = sections.map((section) => ({ section, bucket: context.config(section)[section].bucket }));
  // One that serves both is one.
  const buckets = named.filter(({ bucket }, place) => named.findIndex((one) => one.bucket === bucket) === place);
  const opened = await Promise.allSettled(
    buckets.map(({ section }) => (section === "vault" ? context.vault() : context.files())),
  );
  const vaults = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const unreached = opened.flatMap((one, place) =>
    one.status === "fulfilled" ? [] : [{ bucket: buckets[place]?.bucket ?? "", error: one.reason }],
  );
  return { vaults, unreached };
}

export interface BucketState {
  readonly vault: Vault;
  readonly state: IncidentState;
}

/** What each bucket says. @throws LifeboatError when one cannot be opened */
export async function readStates(context: Context, verify?: VerifyRelease): Promise<BucketState[]> {
  const checked = verify ?? (await releaseVerifier(context.config()));
  const { vaults, unreached } = await openEach(context);
  if (unreached[0] !== undefined) throw unreached[0].error;
  return Promise.all(vaults.map(async (vault) => ({ vault, state: await readIncident(vault, checked) })));
}

/** Ids of the incidents that are on in any bucket, oldest first; those whose state cannot be read are not among them. */
export function idsOn(states: readonly BucketState[]): string[] {
  const on = states.flatMap(({ state }) => (state.on ? state.all : [])).filter(({ unreadable }) => unreadable !== true);
  on.sort((a, b) => ((a.since ?? "") < (b.since ?? "") ? -1 : 1));
  return [...new Set(on.map(({ id }) => id))];
}

/**
 * The key that is at hand, tried out before anything is done.
 * @param next which key counts, for people
 * @throws ConfigurationError `signing-key-missing`
 */
export async function trustedSigner(
  sign: SignBytes | undefined,
  verify: VerifyRelease,
  next: string,
): Promise<SignBytes> {
  if (sign !== undefined && (await signatureCounts(sign, verify))) return sign;
  throw new ConfigurationError(
    "signing-key-missing",
    `${sign === undefined ? "There is no key to sign with" : "The key at hand is none whose signature counts here"}. Nothing has been done.`,
    next,
  );
}
