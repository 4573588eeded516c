import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { noteTouched } from "../../base/touched.ts";
import { type SignBytes, writeNote } from "../../seal/keys/signature.ts";
import { setLegalHold } from "../bucket/legal-hold.ts";
import type { VerifyRelease } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { assertStored } from "../s3/read-back.ts";
import { writtenObjects } from "../s3/versions.ts";
import { type HeldPart, type HoldVaults, namesOf, partsOf, versionsOf } from "./objects.ts";
import { type HoldBegin, type HoldEntry, holdKey, holdsPrefix } from "./register.ts";

/** What was done with the legal holds of one part in one bucket. */
export interface PartHeld {
  readonly kind: HeldPart["kind"];
  readonly place: "vault" | "replica";
  readonly bucket: string;
  /** Object versions that the hold is on now; in a dry run, that it would be on. */
  readonly held: number;
  /** Of these, the ones that needed it. */
  readonly changed: number;
  /** What could not be held, and why: `s3-denied`, `hold-failed`, `missing`. */
  readonly failed: readonly { readonly key: string; readonly why: string }[];
  /** Not even tried, after so many failures. */
  readonly untried: number;
  /** Why its manifest cannot be trusted; null: it can. */
  readonly untrusted: string | null;
}

export interface PlaceOptions {
  readonly vaults: HoldVaults;
  readonly verify: VerifyRelease;
  readonly sign?: SignBytes | undefined;
  /** Looks, and changes nothing. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Requests at the same time, and failures after which the rest is not tried. */
const bounds = { width: 16, failures: 100 } as const;

/**
 * Holds a set: first the entry in the register of every bucket that has a part of it, from which on our own retention lets it
 * stay, then the store's legal hold on every object version that it needs. Can be repeated: what an earlier run held is asked
 * for and left.
 * @returns one for each part and bucket; what could not be held is named there, and does not end the work
 * @throws LifeboatError when the register cannot be written or the store cannot be asked
 */
export async function placeHold(begin: HoldBegin, options: PlaceOptions): Promise<PartHeld[]> {
  const { vaults, sign, dryRun = false } = options;
  if (!dryRun) await writeEntry(begin, vaults, sign);
  return eachPart(begin, options, async (vault, names, signal) => {
    const found = await versionsOf(vault, names);
    // The entry comes to the replica with everything else, some time after it was written.
    const comes = (key: string): boolean => vault === vaults.replica && key.startsWith(holdsPrefix);
    const lost = missing(names, found).filter(({ key }) => !comes(key) && !(dryRun && key.startsWith(holdsPrefix)));
    if (dryRun) return { ...none, held: found.length, failed: lost };
    return setAll(vault, found, lost, "on", signal);
  });
}

/** Does something with every part of what is held, in each bucket that has it or its copy. */
export async function eachPart(
  { subject, id }: Pick<HoldEntry, "subject" | "id">,
  { vaults, verify, signal }: PlaceOptions,
  work: (vault: Vault, names: readonly string[], signal: AbortSignal | undefined) => Promise<Counted>,
): Promise<PartHeld[]> {
  const done: PartHeld[] = [];
  for (const part of partsOf(subject)) {
    const own = vaults[part.kind];
    // A snapshot of the files in a bucket that is not set: said, for nobody has looked.
    if (own === null) {
      const failed = [{ key: part.prefix, why: "the bucket of the files is not set (S3_STORAGE_BUCKET)" }];
      done.push({ kind: part.kind, place: "vault", bucket: "not set", ...none, failed, untrusted: null });
      continue;
    }
    const { sizes, untrusted } = await namesOf(own, part, verify);
    const names = [...sizes.keys(), holdKey(part.set, id)];
    for (const [place, vault] of [["vault", own] as const, ["replica", vaults.replica] as const]) {
      if (vault === null) continue;
      done.push({ kind: part.kind, place, bucket: vault.bucket, ...(await work(vault, names, signal)), untrusted });
    }
  }
  return done;
}

export type Counted = Pick<PartHeld, "held" | "changed" | "failed" | "untried">;
const none: Counted = { held: 0, changed: 0, failed: [], untried: 0 };

/**
 * Switches the hold of every version, many at a time. What cannot be done is counted, and named.
 * @param gate asked before each; what it throws ends the work
 */
export async function setAll(
  vault: Vault,
  versions: readonly { readonly key: string; readonly versionId: string | undefined }[],
  lost: Counted["failed"],
  status: "on" | "off",
  signal?: AbortSignal | undefined,
  gate?: (what: string) => Promise<void>,
): Promise<Counted> {
  const failed = [...lost];
  let [changed, untried] = [0, 0];
  const most = failed.length + bounds.failures;
  await mapBounded(versions, bounds.width, async (version) => {
    signal?.throwIfAborted();
    if (failed.length >= most) {
      untried++;
      return;
    }
    await gate?.(`the legal hold of ${version.key}`);
    try {
      if (await setLegalHold(vault, version, status)) changed++;
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      failed.push({ key: version.key, why: error.code });
    }
  });
  return { held: versions.length - (failed.length - lost.length) - untried, changed, failed, untried };
}

/** Needed, and not there. */
export function missing(names: readonly string[], found: readonly { readonly key: string }[]): Counted["failed"] {
  const there = new Set(found.map(({ key }) => key));
  return names.filter((key) => !there.has(key)).map((key) => ({ key, why: "missing" }));
}

/**
 * Adds an entry to the register: one for each part, in the part's own bucket and folder. The replica gets it as it gets
 * everything. Where an entry of this name is there already, it stays as it is.
 * @throws OperationError `stored-differs`, `s3-unavailable`; ConfigurationError `s3-denied`
 */
export async function writeEntry(entry: HoldEntry, vaults: HoldVaults, sign: SignBytes | undefined): Promise<void> {
  const body = await writeNote(entry, sign);
  for (const { kind, set } of partsOf(entry.subject)) {
    const [key, vault] = [holdKey(set, entry.id), vaults[kind]];
    if (vault === null || (await writtenObjects(vault, [key])).length > 0) continue;
    await vault.put(key, body, { ifNoneMatch: true, contentType: "application/json" });
    await assertStored(vault, key, body);
    noteTouched("made", key, body);
  }
}
