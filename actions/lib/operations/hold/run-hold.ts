import { ConfigurationError } from "../../base/errors.ts";
import { noteSigner, releaseSigner, releaseVerifier } from "../../vault/configured.ts";
import { resolveSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import { newSetId, setIdPattern, tierSchema } from "../../vault/format/manifest.ts";
import { type HoldVaults, readAllHolds, subjectOf } from "../../vault/holds/objects.ts";
import { type PartHeld, placeHold } from "../../vault/holds/place.ts";
import { describeHold, type Hold, type HoldBegin, type HoldSubject } from "../../vault/holds/register.ts";
import { publicationOf } from "../../vault/published/publications.ts";
import type { VerifyRelease } from "../../vault/published/signed-manifest.ts";
import { resolveSet } from "../../vault/sets/catalogue.ts";
import type { Context } from "../context.ts";

export interface HoldRequest {
  /** An id, or `latest`. */
  readonly set: string;
  /** Undefined: finish a hold that is there. */
  readonly reason: string | undefined;
  /** ISO 8601; null: until it is released. */
  readonly until: string | null;
  readonly files: boolean;
  readonly dryRun: boolean;
}

export interface HoldResult {
  readonly hold: HoldBegin;
  readonly signed: boolean;
  /** `finished`: it was there already. */
  readonly outcome: "placed" | "finished" | "would-place";
  readonly parts: readonly PartHeld[];
  /** What somebody else did to the register. */
  readonly alarms: readonly string[];
}

/** The vaults of an operation, as far as its declaration asks for them. */
export async function holdVaults(context: Context): Promise<HoldVaults> {
  return {
    database: context.has("vault") ? await context.vault() : null,
    files: context.has("storageVault") ? await context.files() : null,
    replica: (await context.replica()) ?? null,
  };
}

/**
 * Holds a set. A set that somebody has hidden, or whose manifest is not to be trusted, can be held as well: it may be evidence.
 * @throws ConfigurationError `set-id`, `set-unknown`, `snapshot-unknown`, `set-hidden` for `latest`; `usage` without a reason
 * for a new hold, or with an end that nobody signs or that is past by the store's clock
 */
export async function runHold(context: Context, request: HoldRequest): Promise<HoldResult> {
  const { reason, until, dryRun } = request;
  const vaults = await holdVaults(context);
  const verify = await releaseVerifier(context.config());
  const subject = await findSubject(vaults, request, { verify, passedOver: context.log.warn });
  const register = await readAllHolds(vaults, verify);
  const active = register.holds.filter(({ ended, subject: held }) => ended === null && held.set === subject.set);
  const same = active.find((hold) => reason === undefined || (hold.reason === reason && hold.until === until));
  const sign = (await releaseSigner(context.env)) ?? (until === null ? await noteSigner(context.env) : undefined);
  const begin = same === undefined ? await newHold(context, subject, request, vaults) : entryOf(same);
  if (until !== null && same === undefined && sign === undefined)
    throw new ConfigurationError(
      "usage",
      "--until needs a signature: anybody who can write the bucket could end a hold otherwise.",
      "Set RESTORE_PRIVATE_KEY, the operations or escrow key, or leave --until out.",
    );
  context.log.info(same === undefined ? `Holding ${subject.set}` : `${subject.set}: ${describeHold(same)}`);
  const parts = await placeHold(begin, { vaults, verify, sign, dryRun, signal: context.signal });
  return {
    ...{ hold: begin, parts, alarms: register.alarms, signed: same?.signed ?? sign !== undefined },
    outcome: dryRun ? "would-place" : same === undefined ? "placed" : "finished",
  };
}

async function newHold(
  context: Context,
  subject: HoldSubject,
  { reason, until }: HoldRequest,
  vaults: HoldVaults,
): Promise<HoldBegin> {
  if (reason === undefined)
    throw new ConfigurationError(
      "usage",
      `${subject.set} is not held yet, and no reason is given.`,
      "Say why with --reason: whoever finds the hold in years has nothing else to decide by.",
    );
  const clock = (await (vaults.database ?? vaults.files)?.serverTime()) ?? new Date();
  if (until !== null && Date.parse(until) <= clock.getTime())
    throw new ConfigurationError(
      "usage",
      `--until ${until} is past already by the store's clock (${clock.toISOString()}).`,
      "Give a later one.",
    );
  const common = { format: "lifeboat-hold/1", event: "begin", id: newSetId(clock), at: clock.toISOString() } as const;
  return { ...common, subject, reason, until, by: context.who };
}

function entryOf({ format, event, id, subject, reason, at, by, until }: Hold): HoldBegin {
  return { format, event, id, subject, reason, at, by, until };
}

async function findSubject(
  { database, files }: HoldVaults,
  request: HoldRequest,
  marks: { readonly verify: VerifyRelease; readonly passedOver: (line: string) => void },
): Promise<HoldSubject> {
  const { verify } = marks;
  const published = { ...marks, verify: verify.begins ?? verify };
  const { set: wanted } = request;
  if (database === null || request.files) {
    if (files === null) throw new Error("The operation holds a snapshot of the files, and has no vault of the files.");
    const there = setIdPattern.test(wanted) && (await publicationOf(files.transport, "snapshots/", wanted)).state;
    return { kind: "files", set: there === "hidden" ? wanted : await resolveSnapshot(files, wanted, published) };
  }
  for (const tier of setIdPattern.test(wanted) ? tierSchema.options : []) {
    const { state } = await publicationOf(database.transport, `database/${tier}/`, wanted);
    if (state !== "none") return subjectOf(database, { tier, set: wanted }, verify);
  }
  return subjectOf(database, await resolveSet(database, wanted, published), verify);
}
