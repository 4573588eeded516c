import { ConfigurationError } from "../../base/errors.ts";
import type { SignBytes } from "../../seal/keys/signature.ts";
import { newSetId } from "../format/manifest.ts";
import type { IncidentGate } from "../incident/state.ts";
import { type HoldVaults, namesOf, partsOf, readAllHolds, versionsOf } from "./objects.ts";
import { eachPart, type PartHeld, type PlaceOptions, setAll, writeEntry } from "./place.ts";
import type { Hold, HoldRelease, HoldSubject } from "./register.ts";

export interface ReleaseOptions extends PlaceOptions {
  readonly sign: SignBytes;
  readonly reason: string;
  readonly by: string;
  /** Asked before the holds end, and before each of the store's legal holds is lifted, whether that may go on. */
  readonly gate?: IncidentGate;
}

export interface Released {
  /** Holds that this run has ended; none where an earlier run had. */
  readonly ended: readonly Hold[];
  /** What became of the store's legal holds. */
  readonly parts: readonly PartHeld[];
  /** Why the store's legal holds stay although the hold has ended; null: they were lifted. */
  readonly stays: string | null;
}

/**
 * Ends the holds on a set, or on a snapshot of the files: first a signed release in the register, which names them, then the store's legal holds go, where no
 * other hold needs the object. Can be repeated: it finishes what an earlier run has left.
 * @throws what the gate throws
 * @throws ConfigurationError `not-held`; `register-unreadable`: nobody can say what another hold needs
 */
export async function releaseHolds(set: string, options: ReleaseOptions): Promise<Released> {
  const { vaults, verify, sign, reason, by, dryRun = false } = options;
  const register = await readAllHolds(vaults, verify);
  if (register.everything !== null)
    throw new ConfigurationError(
      "register-unreadable",
      `Nothing is released: ${register.everything}`,
      "Find out who has changed the register: runbooks/holds.md.",
    );
  const own = register.holds.filter((hold) => hold.subject.set === set);
  if (own.length === 0)
    throw new ConfigurationError("not-held", `There is no hold on ${set}`, "`lifeboat holds` lists what is held.");
  const active = own.filter(({ ended }) => ended === null);
  if (active.length > 0 && !dryRun) {
    const at = new Date();
    const common = { format: "lifeboat-hold/1", event: "release", id: newSetId(at), at: at.toISOString() } as const;
    await options.gate?.(`the release of ${set}`);
    for (const held of subjectsOf(active)) {
      const ends = active.filter(({ subject }) => sameSubject(subject, held)).map(({ id }) => id);
      const release: HoldRelease = { ...common, subject: held, reason, by, ends };
      await writeEntry(release, vaults, sign);
    }
  }
  const others = register.holds.filter((hold) => hold.ended === null && !own.includes(hold));
  if (register.unreadable.length > 0 && !dryRun)
    return {
      ended: active,
      parts: [],
      stays: "an entry of the register cannot be read, and may hold the same objects",
    };
  const needed = await neededBy(others, vaults, verify);
  if (needed === null)
    return {
      ended: active,
      parts: [],
      stays: "another set that is held cannot be read, and may need the same objects",
    };
  const parts: PartHeld[] = [];
  for (const hold of own)
    parts.push(
      ...(await eachPart(hold, options, async (vault, names, signal) => {
        const found = await versionsOf(
          vault,
          names.filter((key) => !needed.has(key)),
        );
        if (dryRun) return { held: found.length, changed: 0, failed: [], untried: 0 };
        return setAll(vault, found, [], "off", signal, options.gate);
      })),
    );
  return { ended: active, parts, stays: null };
}

function subjectsOf(holds: readonly Hold[]): HoldSubject[] {
  return [...new Map(holds.map(({ subject }) => [JSON.stringify(subject), subject])).values()];
}

function sameSubject(a: HoldSubject, b: HoldSubject): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Every object that these holds need; null when that cannot be said of one of them. */
async function neededBy(
  holds: readonly Hold[],
  vaults: HoldVaults,
  verify: PlaceOptions["verify"],
): Promise<ReadonlySet<string> | null> {
  const needed = new Set<string>();
  for (const part of subjectsOf(holds).flatMap(partsOf)) {
    const vault = vaults[part.kind];
    if (vault === null) return null;
    const { sizes, untrusted } = await namesOf(vault, part, verify);
    if (untrusted !== null) return null;
    for (const key of sizes.keys()) needed.add(key);
  }
  return needed;
}
