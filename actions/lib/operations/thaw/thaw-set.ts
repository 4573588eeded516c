import { setTimeout as sleep } from "node:timers/promises";
import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import { countOf, formatBytes } from "../../base/measures.ts";
import { type ObjectState, objectStates, requestThaw, type ThawTier } from "../../vault/bucket/thaw.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { SignedSet } from "../../vault/sets/open-set.ts";

/** What it takes to make a set's objects readable. */
export interface ThawPlan {
  readonly tier: ThawTier;
  /** Objects that have to be asked for. */
  readonly frozen: readonly ObjectState[];
  /** Asked for already. */
  readonly thawing: readonly ObjectState[];
  /** Bytes of the frozen ones. */
  readonly bytes: number;
  /** How long the store says that it takes, in words, for the slowest of the objects; null when none is frozen. */
  readonly expected: string | null;
  /** US dollars for retrieving the frozen ones and keeping the copies for `days`, without transfer out. */
  readonly dollars: number;
}

interface Rate {
  readonly expected: string;
  readonly perGB: number;
  readonly perThousand: number;
}

/**
 * Times: docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html. Prices: us-east-1,
 * aws.amazon.com/s3/pricing as of November 2026 to the best of our knowledge; a region's own may differ, so they are told as
 * estimates. Expedited does not exist for DEEP_ARCHIVE.
 */
const rates: Readonly<Record<string, Partial<Record<ThawTier, Rate>>>> = {
  GLACIER: {
    Expedited: { expected: "1 to 5 minutes", perGB: 0.03, perThousand: 10 },
    Standard: { expected: "3 to 5 hours", perGB: 0.01, perThousand: 0.05 },
    Bulk: { expected: "5 to 12 hours", perGB: 0, perThousand: 0 },
  },
  DEEP_ARCHIVE: {
    Standard: { expected: "within 12 hours", perGB: 0.02, perThousand: 0.1 },
    Bulk: { expected: "within 48 hours", perGB: 0.0025, perThousand: 0.025 },
  },
};
/** S3 Standard, where the thawed copies lie, a GB and month. */
const standardMonth = 0.023;
const GB = 1e9;

const slowestFirst = ["DEEP_ARCHIVE", "GLACIER"] as const;

/** Pure. `impossible`: a class of which there are frozen objects and which does not have the tier. */
export function planThaw(
  states: readonly ObjectState[],
  tier: ThawTier,
  days: number,
): ThawPlan & { readonly impossible: string | undefined } {
  const frozen = states.filter(({ state }) => state === "frozen");
  const thawing = states.filter(({ state }) => state === "thawing");
  const bytes = frozen.reduce((sum, one) => sum + one.bytes, 0);
  let dollars = (bytes / GB) * standardMonth * (days / 30);
  for (const { storageClass, bytes: size } of frozen) {
    const rate = rates[storageClass]?.[tier];
    dollars += (size / GB) * (rate?.perGB ?? 0) + (rate?.perThousand ?? 0) / 1000;
  }
  const classes = slowestFirst.filter((name) => frozen.some(({ storageClass }) => storageClass === name));
  const impossible = classes.find((name) => rates[name]?.[tier] === undefined);
  const expected = classes[0] === undefined ? null : (rates[classes[0]]?.[tier]?.expected ?? null);
  return { tier, frozen, thawing, bytes, expected, dollars, impossible };
}

export interface ThawOptions {
  readonly tier: ThawTier;
  /** How long the copies stay readable. */
  readonly days: number;
  readonly dryRun: boolean;
  /** Come back only when everything can be read. */
  readonly wait: boolean;
  /** Between two looks; default one minute. */
  readonly pollSeconds?: number;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

export interface ThawResult {
  readonly set: string;
  /** `ready`: everything can be read now. `requested`: the store is at it. `dry-run`: nothing was asked for. */
  readonly outcome: "ready" | "requested" | "dry-run";
  readonly tier: ThawTier;
  readonly objects: number;
  readonly requested: number;
  readonly underWay: number;
  readonly bytes: number;
  readonly expected: string | null;
  readonly dollars: number;
  readonly days: number;
  /** ISO 8601; when the first thawed copy goes away again. */
  readonly readyUntil: string | null;
}

/**
 * Brings a set's archived objects back for some days: all are asked for at once, after tier, time and price were told. Can
 * be repeated at any time: what is on its way is left alone.
 *
 * @throws ConfigurationError `thaw-tier`; OperationError `set-damaged` when objects are missing, `thaw-no-capacity`, of the store; the
 * signal's reason
 */
export async function thawSet(vault: Vault, signed: SignedSet, options: ThawOptions): Promise<ThawResult> {
  const { tier, days, dryRun, wait, log, signal } = options;
  const readStates = async (): Promise<ObjectState[]> =>
    refuseMissing(signed, await objectStates(vault, signed.prefix, signed.manifest.artifacts));
  const states = await readStates();
  const plan = planThaw(states, tier, days);
  if (plan.impossible !== undefined) {
    throw new ConfigurationError(
      "thaw-tier",
      `Objects of class ${plan.impossible} cannot be thawed with tier ${tier}.`,
      "Use --tier Standard, or Bulk, which is slower and cheaper.",
    );
  }
  log.info(describeThaw(signed.set, plan, days));
  const told = { set: signed.set, tier, days, bytes: plan.bytes, expected: plan.expected, dollars: plan.dollars };
  const counted = { ...told, objects: states.length, requested: 0, underWay: plan.thawing.length };
  const done = (now: readonly ObjectState[]) => ({ readyUntil: firstExpiry(now) });
  if (isReady(states)) return { ...counted, outcome: "ready", ...done(states) };
  if (dryRun) return { ...counted, outcome: "dry-run", readyUntil: null };
  const answers = await mapBounded(plan.frozen, 16, ({ key }) =>
    requestThaw(vault, signed.prefix + key, { tier, days }),
  );
  const requested = answers.filter((answer) => answer === "requested").length;
  const result = { ...counted, requested, underWay: plan.thawing.length + answers.length - requested };
  if (!wait) return { ...result, outcome: "requested", readyUntil: null };
  const ready = await waitUntilReady(readStates, options);
  signal?.throwIfAborted();
  return { ...result, outcome: "ready", ...done(ready) };
}

function isReady(states: readonly ObjectState[]): boolean {
  return states.every(({ state }) => state === "ready");
}

/**
 * For what has to read a set now.
 * @throws ConfigurationError `set-frozen` names the command that thaws
 */
export function refuseFrozen(set: string, states: readonly ObjectState[]): void {
  const frozen = states.filter(({ state }) => state === "frozen");
  const thawing = states.filter(({ state }) => state === "thawing");
  if (frozen.length === 0 && thawing.length === 0) return;
  const all = [...frozen, ...thawing];
  const classes = [...new Set(all.map(({ storageClass }) => storageClass))].join(" and ");
  const bytes = formatBytes(all.reduce((sum, one) => sum + one.bytes, 0));
  const asked = thawing.length === 0 ? "" : `; ${countOf(thawing.length, "of them is", "of them are")} being thawed`;
  throw new ConfigurationError(
    "set-frozen",
    `${countOf(all.length, "object")} of set ${set} (${bytes}) cannot be read: archived in ${classes}${asked}.`,
    frozen.length === 0
      ? `Wait for it with \`lifeboat thaw ${set} --wait\`, then run this again.`
      : `Bring the set back with \`lifeboat thaw ${set} --wait\` (--dry-run tells time and price), or restore with --thaw.`,
  );
}

/** What is told before anything is asked for: tier, time, price. */
export function describeThaw(set: string, plan: ThawPlan, days: number): string {
  if (plan.frozen.length === 0 && plan.thawing.length === 0) return `Nothing of set ${set} is frozen.`;
  const asked =
    plan.thawing.length === 0 ? "" : ` ${countOf(plan.thawing.length, "object is", "objects are")} on the way already.`;
  if (plan.frozen.length === 0) return `Nothing of set ${set} has to be asked for.${asked}`;
  const price = plan.dollars < 0.01 ? "less than $0.01" : `about $${plan.dollars.toFixed(2)}`;
  return (
    `Thawing ${countOf(plan.frozen.length, "object")} (${formatBytes(plan.bytes)}) of set ${set} with tier ${plan.tier}: ` +
    `${plan.expected}, ${price} for retrieval and ${countOf(days, "day")} of a copy in Standard (estimate; transfer out comes besides).${asked}`
  );
}

async function waitUntilReady(
  readStates: () => Promise<ObjectState[]>,
  { pollSeconds = 60, log, signal }: ThawOptions,
): Promise<ObjectState[]> {
  const begun = await readStates();
  const track = log.track("thaw", { bytes: 0, items: begun.length });
  let counted = 0;
  try {
    for (let states = begun; ; states = await readStates()) {
      const ready = states.filter(({ state }) => state === "ready").length;
      track.advance({ items: ready - counted });
      counted = ready;
      if (ready === states.length) {
        track.end("done");
        return states;
      }
      await sleep(pollSeconds * 1000, undefined, signal === undefined ? {} : { signal });
    }
  } catch (error) {
    track.end("failed");
    signal?.throwIfAborted();
    throw error;
  }
}

function refuseMissing({ set }: SignedSet, states: ObjectState[]): ObjectState[] {
  const missing = states.filter(({ state }) => state === "missing").map(({ key }) => key);
  if (missing.length === 0) return states;
  throw new OperationError(
    "set-damaged",
    `Set ${set} lacks ${countOf(missing.length, "object")}: ${missing.slice(0, 5).join(", ")}.`,
    "Look for another version of them in the bucket, or use another set (`lifeboat list`).",
  );
}

function firstExpiry(states: readonly ObjectState[]): string | null {
  const times = states.flatMap(({ readyUntil }) => (readyUntil === undefined ? [] : [readyUntil.getTime()]));
  return times.length === 0 ? null : new Date(Math.min(...times)).toISOString();
}

/** The result, for people. */
export function thawSentence({ outcome, set, requested, underWay, readyUntil, expected }: ThawResult): string {
  switch (outcome) {
    case "ready":
      return `Every object of set ${set} can be read${readyUntil === null ? "" : ` until ${readyUntil}`}.`;
    case "dry-run":
      return "Dry run: nothing was asked for.";
    default: {
      const times = expected === null ? "" : ` It takes ${expected}.`;
      return `Asked for ${countOf(requested, "object")} of set ${set}, ${underWay} were on the way already.${times} 'lifeboat thaw ${set} --wait' waits for them.`;
    }
  }
}
