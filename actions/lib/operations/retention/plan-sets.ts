import { mapBounded } from "../../base/flow/bounded.ts";
import { countOf } from "../../base/measures.ts";
import type { Policy } from "../../config/policy/policy.ts";
import {
  newestGood,
  planRetention,
  type RetentionFacts,
  type RetentionPlan,
  type Subject,
} from "../../policy/retention.ts";
import { announcedDays, type PendingTerm, type Terms, termsInForce } from "../../policy/terms.ts";
import { madeUnder, setPrefix, tierSchema, timeOfSet } from "../../vault/format/manifest.ts";
import { alarmOf } from "../../vault/published/publications.ts";
import { manifestName, type VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { hidesAny, versionsBelow } from "../../vault/s3/versions.ts";
import { type PublishedSet, setFolders } from "../../vault/sets/catalogue.ts";
import { provenSets, readProofs } from "../../vault/sets/proof-store.ts";
import { boundsOf, withMore } from "./bounds.ts";
import { paidUntil } from "./paid.ts";
import { nameOfSet, openSetReader, type SetReader } from "./read-sets.ts";
import { lackOf, replacesAny } from "./whole.ts";

const day = 86_400_000;
/** Sets that go in one run, at most. A vault that has kept everything for years is tidied up by several. */
export const mostAtOnce = 250;
/** Manifests that are read in the search for the newest good ones: anybody may have laid others over them. */
const mostSearched = { newest: 512, ofTier: 64 } as const;

/** Why nothing goes when not every proof could be read. */
const tooManyProofs =
  "there are more proofs than restore tests make, and one that failed may be among those that nobody reads";

export interface SetPlanOptions {
  readonly vault: Vault;
  readonly policy: Policy;
  readonly verify: VerifySignature;
  /** Checks proofs, against the provers' keys. */
  readonly verifyProof: VerifySignature;
  /** Days that are added to each term: the replica keeps longer. */
  readonly longer?: number;
  /** Of these sets those that somebody still needs, and why. */
  readonly neededOf: (sets: Iterable<string>) => ReadonlyMap<string, string>;
  readonly stop: string | null;
  /** By the store's clock. */
  readonly now: number;
  /** A set that is read whatever its age: somebody asks about it. */
  readonly explain?: string | undefined;
}

/** What is planned for one kind: the sets of the database, or the snapshots of the files. */
export interface KindPlan {
  readonly plan: RetentionPlan;
  readonly facts: RetentionFacts;
  readonly terms: Terms;
  readonly pending: readonly PendingTerm[];
  /** What somebody did to the vault, or what is no longer whole, in words for people. */
  readonly alarms: readonly string[];
}

export interface SetPlan extends KindPlan {
  /** Every folder that is named like a set, those without a manifest included. */
  readonly folders: readonly PublishedSet[];
  /** Names of sets, `<tier>/<set>`, that a signed proof calls proven, whether they are there or not. */
  readonly provenOnce: ReadonlySet<string>;
  /** Snapshots of the files that a proof was about, and when that test ended. */
  readonly filesProvenAt: ReadonlyMap<string, number>;
}

/**
 * What the policy no longer keeps of the database's sets. One look through the store's list; manifests are read of the newest sets, of
 * those that are proven and of those whose term has ended. What stands for the newest good ones is counted again, object by object; one that
 * is not whole is an alarm, and the plan is made anew without it.
 * @throws OperationError `s3-unavailable`; ConfigurationError `retention-terms`
 */
export async function planSets(options: SetPlanOptions): Promise<SetPlan> {
  const { vault, policy, verify, now } = options;
  const folders = await Array.fromAsync(setFolders(vault));
  const published = folders.filter(({ state }) => state !== "none");
  const proofs = await readProofs(vault, options.verifyProof);
  const proven = await provenSets(vault, options.verifyProof, proofs);
  const reader = openSetReader(vault, verify, new Map(proven.map((one) => [nameOfSet(one), Date.parse(one.provenAt)])));
  const ofProofs = new Set(proven.map(nameOfSet));
  await reader.read(published.filter((one) => ofProofs.has(nameOfSet(one)) || one.set === options.explain));
  await readNewest(reader, published, policy, now);
  const said = madeUnder(policy).policy.terms;
  const { terms, pending } = termsInForce(said, reader.announcements(), now);
  const longer = withMore(terms, options.longer ?? 0);
  const needed = options.neededOf(published.map(({ set }) => set));
  const waiting = await readOver(reader, published, { terms: longer, needed, now });
  const last = proofs.proofs
    .map(({ proof }) => proof)
    // One of the future, by a machine whose clock was wrong, would stand over all that come until then.
    .filter(({ finishedAt }) => Date.parse(finishedAt) <= now + day)
    .toSorted((a, b) => (a.finishedAt < b.finishedAt ? -1 : 1))
    .at(-1);
  const facts: RetentionFacts = {
    subjects: published.map((one) => reader.subject(one)),
    ...{ terms: longer, now, stop: options.stop ?? (proofs.unread === 0 ? null : tooManyProofs) },
    needed: new Map([
      ...waiting.map((set) => [set, `at most ${mostAtOnce} sets go in one run: it waits for the next one`] as const),
      ...needed,
    ]),
    bounds: boundsOf(policy),
    lastProof: last ? { at: Date.parse(last.finishedAt), proven: last.outcome === "proven", set: last.set } : null,
  };
  const alarms = [
    ...alarmsOfFolders(folders),
    ...(proofs.unread === 0 ? [] : [`ALARM: ${tooManyProofs}: ${countOf(proofs.unread, "proof")} were not read.`]),
  ];
  const whole = await withoutBroken(facts, published, (one) => lackOf(vault, one, verify), alarms);
  const looked = await lookAtGoing(vault, whole, published, policy, alarms);
  const filesProvenAt = new Map(
    proven.flatMap(({ proof: { files }, provenAt }) =>
      files === null || files.missing + files.different > 0 ? [] : [[files.snapshot, Date.parse(provenAt)] as const],
    ),
  );
  const provenOnce = new Set(
    proofs.proofs.filter(({ proof }) => proof.outcome === "proven").map(({ proof }) => nameOfSet(proof)),
  );
  return {
    ...{ plan: planRetention(looked), facts: looked, terms: longer, pending, alarms, folders, filesProvenAt },
    provenOnce,
  };
}

/** All that announce terms now, and as far as the newest good ones of each tier. */
async function readNewest(
  reader: SetReader,
  published: readonly PublishedSet[],
  { retention }: Policy,
  now: number,
): Promise<void> {
  const isBefore = ({ set }: PublishedSet): boolean => timeOfSet(set) <= now - (announcedDays + 1) * day;
  const enough = (some: readonly PublishedSet[], good: number): boolean =>
    some.filter((one) => reader.isVerified(one)).length >= good;
  for (let from = 0; from < Math.min(published.length, mostSearched.newest); from += 32) {
    await reader.read(published.slice(from, from + 32));
    const seen = published.slice(0, from + 32);
    if (enough(seen, retention.keepNewest) && seen.some((one) => isBefore(one) && reader.isTrusted(one))) break;
  }
  for (const tier of tierSchema.options) {
    const own = published.filter((one) => one.tier === tier).slice(0, mostSearched.ofTier);
    for (let from = 0; from < own.length && !enough(own, 1); from += 8) await reader.read(own.slice(from, from + 8));
  }
}

/**
 * Reads those whose term has ended, oldest first, as many as may go: what somebody needs takes no other's turn.
 * @returns the ids of those that have to wait
 */
async function readOver(
  reader: SetReader,
  published: readonly PublishedSet[],
  { terms, needed, now }: Pick<RetentionFacts, "terms" | "needed" | "now">,
): Promise<string[]> {
  const over = published
    // The name says when the run began; the data was read a while later, and the plan looks at both times.
    .filter(
      ({ tier, set, state, storedAt }) =>
        state === "there" &&
        timeOfSet(set) + terms[tier] * day < now + day &&
        (storedAt === undefined || storedAt.getTime() + terms[tier] * day < now + 2 * day),
    )
    .toReversed();
  let trusted = 0;
  for (let from = 0; from < over.length; from += 64) {
    if (trusted >= mostAtOnce) return over.slice(from).map(({ set }) => set);
    const some = over.slice(from, from + 64);
    await reader.read(some);
    trusted += some.filter((one) => reader.isTrusted(one) && !needed.has(one.set)).length;
  }
  return [];
}

/**
 * The facts without the good name of those that are not whole.
 * @param lack what one of them lacks; null: nothing
 */
async function withoutBroken(
  facts: RetentionFacts,
  published: readonly PublishedSet[],
  lack: (one: PublishedSet) => Promise<string | null>,
  alarms: string[],
): Promise<RetentionFacts> {
  const checked = new Set<string>();
  let now = facts;
  for (;;) {
    const guards = newestGood(now);
    const unseen = published.filter(
      (one) => guards.has(one.set) && !checked.has(nameOfSet(one)) && one.state === "there",
    );
    if (unseen.length === 0) return now;
    const lacks = await mapBounded(unseen, 4, lack);
    const broken = new Set<string>();
    for (const [place, one] of unseen.entries()) {
      checked.add(nameOfSet(one));
      const what = lacks[place] ?? null;
      if (what === null) continue;
      broken.add(nameOfSet(one));
      alarms.push(`ALARM: set ${one.set} (${one.tier}) is not whole: ${what}. It does not count as a good one.`);
    }
    const subjects = now.subjects.map((one) =>
      one.tier !== null && broken.has(nameOfSet({ tier: one.tier, set: one.set }))
        ? { ...one, verified: false, provenAt: null }
        : one,
    );
    now = { ...now, subjects };
  }
}

/**
 * Of those that would go: what the storage class was paid for, what a lock keeps, and whether somebody has hidden a part or written it
 * again. Such a set no longer counts as a good one, though what was written lies below: so it stays until somebody has looked.
 */
async function lookAtGoing(
  vault: Vault,
  facts: RetentionFacts,
  published: readonly PublishedSet[],
  policy: Policy,
  alarms: string[],
): Promise<RetentionFacts> {
  const going = new Set(
    planRetention(facts).decisions.flatMap(({ keep, tier, set }) => (keep ? [] : `${tier}/${set}`)),
  );
  const some = published.filter((one) => going.has(nameOfSet(one)));
  const hidden: string[] = [];
  const replaced: string[] = [];
  const known = new Map<string, Pick<Subject, "paidUntil" | "lockedUntil">>();
  await mapBounded(some, 16, async (one) => {
    const prefix = setPrefix(one.tier, one.set);
    const [versions, head] = await Promise.all([
      versionsBelow(vault.transport, prefix),
      vault.head(prefix + manifestName),
    ]);
    if (hidesAny(versions)) hidden.push(one.set);
    if (replacesAny(versions, prefix)) replaced.push(one.set);
    const lockedUntil = head?.retainUntil?.getTime() ?? null;
    known.set(nameOfSet(one), { paidUntil: paidUntil(versions, policy.archive.afterDays), lockedUntil });
  });
  alarms.push(...alarmOf(hidden, "hidden in part by delete markers", "set"));
  alarms.push(...alarmOf(replaced, "written again in part", "set"));
  return {
    ...facts,
    subjects: facts.subjects.map((one) => ({ ...one, ...known.get(`${one.tier}/${one.set}`) })),
    needed: new Map([
      ...facts.needed,
      ...replaced.map((set) => [set, "somebody has written parts of it again: find out who"] as const),
      ...hidden.map((set) => [set, "somebody has put delete markers over parts of it: find out who"] as const),
    ]),
  };
}

function* alarmsOfFolders(folders: readonly PublishedSet[]): Generator<string> {
  for (const tier of tierSchema.options) {
    const of = (some: (one: PublishedSet) => boolean): string[] =>
      folders.filter((one) => one.tier === tier && some(one)).map(({ set }) => set);
    yield* alarmOf(
      of(({ state }) => state === "hidden"),
      "hidden by delete markers",
      `${tier} set`,
    );
    yield* alarmOf(
      of(({ replaced }) => replaced),
      "their manifests written again",
      `${tier} set`,
    );
  }
}
