import { createHash } from "node:crypto";
import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { countOf } from "../../base/measures.ts";
import { legalHoldOf } from "../bucket/lock.ts";
import { alarmOf } from "../published/publications.ts";
import type { VerifyRelease } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import {
  coreOf,
  type HeldPart,
  type HeldVersion,
  type HoldVaults,
  isKeysOfSet,
  namesOf,
  partsOf,
  readAllHolds,
  versionsOf,
} from "./objects.ts";
import { type Hold, type HoldRegister, holdKey, holdsPrefix, holdsSet } from "./register.ts";

/**
 * How much is looked at: all, a quarter of the objects (four make all), or only those without which nothing of a set can be
 * read. What is gone or hidden is found by lists: in all parts each time but with `core`, which lists the set's own folder alone.
 */
export type Share = "all" | "core" | 0 | 1 | 2 | 3;

export interface CheckOptions {
  readonly vaults: HoldVaults;
  /** Checks manifests. */
  readonly verify: VerifyRelease;
  readonly signal?: AbortSignal | undefined;
}

export interface HoldsChecked {
  /** Object versions of which the store was asked. */
  readonly asked: number;
  /** What is not as it has to be, in words for people. */
  readonly alarms: readonly string[];
}

type Fault = "lifted" | "gone" | "hidden" | "replaced" | "exchanged" | "closed" | "not-replicated";

const week = 7 * 86_400_000;

/** An entry that is younger may not have come to the replica yet. */
const replicatedWithin = 86_400_000;

/** AWS does not count a legal hold as a change of the object, other stores do: so long a hold may take to be placed. */
const settling = 3_600_000;

/** The quarter whose turn it is: another every week, all within four. */
export function quarterOf(now: Date): Share {
  return (Math.floor(now.getTime() / week) % 4) as Share;
}

/**
 * Looks whether every object version that a hold needs is there, not hidden, and has the store's legal hold on, in the vault and in
 * the replica: S3 has no list of holds, and whoever may set one may lift it.
 * @param register of all buckets
 * @throws LifeboatError when the store cannot be asked
 */
export async function checkHolds(register: HoldRegister, share: Share, options: CheckOptions): Promise<HoldsChecked> {
  const faults = new Map<string, Fault>();
  const untrusted: string[] = [];
  let asked = 0;
  for (const hold of register.holds.filter(({ ended }) => ended === null)) {
    for (const part of partsOf(hold.subject)) {
      const own = options.vaults[part.kind];
      if (own === null) continue;
      const needed = share === "core" ? coreOf(part) : await namesOf(own, part, options.verify);
      if (needed.untrusted !== null) untrusted.push(part.set);
      const names = new Map(needed.sizes).set(holdKey(part.set, hold.id), null);
      const { replica } = options.vaults;
      for (const vault of replica === null ? [own] : [own, replica]) {
        const found = await checkPart(vault, { hold, names, part, share, copy: vault !== own }, options.signal);
        asked += found.asked;
        for (const [key, fault] of found.faults) faults.set(`${vault.bucket}/${key}`, fault);
      }
    }
  }
  const of = (wanted: Fault): string[] => [...faults].filter(([, fault]) => fault === wanted).map(([key]) => key);
  const held = "held object";
  const closed = of("closed");
  return {
    asked,
    alarms: [
      ...register.alarms,
      ...alarmOf(untrusted, "held, and not to be trusted or read any more", "set"),
      ...alarmOf(of("gone"), "held, and gone", "object"),
      ...alarmOf(of("lifted"), "without their legal hold, which somebody lifted or never finished", held),
      ...alarmOf(of("exchanged"), "held, and written after the hold began", "object"),
      ...alarmOf(of("hidden"), "hidden by delete markers", held),
      ...alarmOf(of("replaced"), "written again", held),
      ...alarmOf(of("not-replicated"), "held, and not in the replica", "object"),
      ...(closed.length === 0
        ? []
        : [
            `ALARM: this role may not see the legal hold of ${countOf(closed.length, held)} (${closed[0]}): it needs s3:GetObjectLegalHold.`,
          ]),
    ],
  };
}

interface PartCheck {
  readonly hold: Hold;
  readonly part: HeldPart;
  readonly names: ReadonlyMap<string, number | null>;
  readonly share: Share;
  /** In the replica, whose objects may be younger than the hold. */
  readonly copy: boolean;
}

async function checkPart(
  vault: Vault,
  { hold, part, names, share, copy }: PartCheck,
  signal: AbortSignal | undefined,
): Promise<{ asked: number; faults: Map<string, Fault> }> {
  const faults = new Map<string, Fault>();
  const found = await versionsOf(vault, names.keys());
  const there = new Set(found.map(({ key }) => key));
  const isNew = Date.now() - (hold.storedAt?.getTime() ?? 0) < replicatedWithin;
  for (const key of names.keys()) {
    if (there.has(key) || (copy && isNew && key.startsWith(holdsPrefix))) continue;
    faults.set(key, copy ? "not-replicated" : "gone");
  }
  const core = coreOf(part).sizes;
  const turn = found.filter(({ key }) => core.has(key) || key.startsWith(holdsPrefix) || isTurn(key, share));
  await mapBounded(turn, 16, async (version) => {
    signal?.throwIfAborted();
    const state = await legalHoldOf(vault, version);
    if (state === "on") return;
    faults.set(version.key, state === "off" ? "lifted" : state === "gone" ? "gone" : "closed");
  });
  for (const version of found) {
    const { key, hidden, replaced } = version;
    if (faults.has(key)) continue;
    if (hidden) faults.set(key, "hidden");
    else if (replaced) faults.set(key, "replaced");
    else if (!copy && isExchanged(version, found, names.get(key) ?? null, hold)) faults.set(key, "exchanged");
  }
  return { asked: turn.length, faults };
}

function isTurn(key: string, share: Share): boolean {
  if (typeof share === "string") return share === "all";
  return (createHash("sha256").update(key).digest()[0] ?? 0) % 4 === share;
}

/**
 * The version that was held is gone and another lies in its place: it is younger than the hold, or has another size. Keys may be
 * sealed anew while they are held; the ones of before stay.
 */
function isExchanged(version: HeldVersion, all: readonly HeldVersion[], bytes: number | null, hold: Hold): boolean {
  if (bytes !== null && version.bytes !== bytes) return true;
  if (hold.storedAt === undefined || version.key.startsWith(holdsPrefix)) return false;
  const began = hold.storedAt.getTime() + settling;
  const before = ({ lastModified }: HeldVersion): boolean => (lastModified?.getTime() ?? 0) <= began;
  return isKeysOfSet(version.key) ? !all.some((one) => one.key === version.key && before(one)) : !before(version);
}

/**
 * Sets that the store holds and the register does not: an entry is gone, or somebody has set legal holds by hand. Sets whose hold has
 * ended are none: their release was not finished.
 * @param kept manifests that could not be removed
 */
export async function strayHolds(
  vault: Vault,
  register: HoldRegister,
  kept: readonly { readonly set: string; readonly key: string }[],
): Promise<readonly string[]> {
  const unknown = kept.filter(({ set }) => !register.holds.some((hold) => holdsSet(hold, set)));
  const heads = await mapBounded(unknown, 16, ({ key }) => vault.head(key));
  const stray = unknown.filter((_, place) => heads[place]?.legalHold === "on").map(({ set }) => set);
  return alarmOf(stray, "held by the store, and without an entry in the register of holds", "set");
}

/** `checkHolds` for whoever has other work to do: what cannot be asked is told, and stops nothing. */
export async function alarmsOfHolds(
  register: HoldRegister,
  share: Share,
  options: CheckOptions,
): Promise<readonly string[]> {
  try {
    return (await checkHolds(register, share, options)).alarms;
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return [...register.alarms, `ALARM: the holds cannot be looked at: ${error.message}`];
  }
}

/** The same, with the register read for it. */
export async function readHoldAlarms(
  { verifyRelease, ...options }: CheckOptions & { readonly verifyRelease: VerifyRelease },
  share: Share,
): Promise<readonly string[]> {
  return alarmsOfHolds(await readAllHolds(options.vaults, verifyRelease), share, options);
}
