import { z } from "zod";
import { bigCount, count, fingerprint, segmentSchema, setId, sha256, timeOfSet } from "../format/manifest.ts";
import { alarmOf } from "../published/publications.ts";
import {
  type Believed,
  type Kind,
  type Refused,
  readAllSigned,
  type SignedBy,
  type VerifySignature,
} from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { writtenObjects } from "../s3/versions.ts";

/**
 * What lies below `repairs/<id>/`: keys.pgp, or keys-….json where it was sealed to others since, the plan, and for each transaction that was about to end its undo, its begin and, when
 * its end is known, its end. Only what the key of people has signed counts: whoever can write the bucket can lay a plan or an undo there.
 */
export const repairsPrefix = "repairs/";
export const repairPrefix = (id: string): string => `${repairsPrefix}${id}/`;

/** Sealed bodies and signed documents of a repair, below its prefix. */
export const repairFiles = {
  plan: "plan.ndjson.zst.pgp",
  planRecord: "plan.json",
  undo: (transaction: string): string => `undo-${transaction}.ndjson.zst.pgp`,
  begun: (transaction: string): string => `begun-${transaction}.json`,
  keys: (mark: string): string => `keys-${mark}.json`,
  done: (transaction: string, mark: string | null): string =>
    `done-${transaction}${mark === null ? "" : `-${mark}`}.json`,
} as const;

/** A sealed change list: what it holds, without a value. */
const bodySchema = z.strictObject({
  /** SHA-256 of the plain bytes. */
  hash: sha256,
  plainBytes: count,
  tables: z.array(
    z.strictObject({ table: z.string(), updates: count, inserts: count, deletes: count, conflicts: count }),
  ),
  segments: z.array(segmentSchema).min(1),
});
export type ListBody = z.infer<typeof bodySchema>;

const planSchema = z.strictObject({
  format: z.literal("lifeboat-repair-plan/1"),
  id: setId,
  kind: z.enum(["plan", "undo"]),
  /** The repair that an undo takes back. */
  of: setId.nullable(),
  project: z.string().nullable(),
  madeAt: z.iso.datetime(),
  sealedTo: z.array(fingerprint).min(1),
  /** Binds the session key to this repair. */
  sessionKeyCommitment: sha256,
  body: bodySchema,
});
export type PlanRecord = z.infer<typeof planSchema>;

/** Which database it was: a transaction's number says something there alone. */
const placeSchema = z.strictObject({
  ref: z.string().nullable(),
  database: z.string(),
  /** `pg_control_system()`, and the timeline of `pg_control_checkpoint()`: a restore to a moment begins another. */
  system: bigCount,
  timeline: count,
});
export type RepairPlace = z.infer<typeof placeSchema>;

const begunSchema = z.strictObject({
  format: z.literal("lifeboat-repair-begun/1"),
  id: setId,
  /** `pg_current_xact_id()`: the database says what has become of it. */
  transaction: bigCount,
  at: z.iso.datetime(),
  by: z.string(),
  planHash: sha256,
  place: placeSchema,
  /** Which changes of the plan, by their number: all, or a batch of them. */
  from: count,
  to: count,
  undo: bodySchema,
});
export type BegunRecord = z.infer<typeof begunSchema>;

const mark = z.string().regex(/^[0-9a-f]{8}$/);

const doneSchema = z.strictObject({
  format: z.literal("lifeboat-repair-done/1"),
  id: setId,
  transaction: bigCount,
  at: z.iso.datetime(),
  by: z.string(),
  outcome: z.enum(["committed", "rolled-back"]),
  /** Part of its name where a run was killed while it wrote the note before, or somebody has taken the name. */
  mark: mark.nullable(),
});
export type DoneRecord = z.infer<typeof doneSchema>;

const keysSchema = z.strictObject({
  format: z.literal("lifeboat-repair-keys/1"),
  id: setId,
  mark,
  at: z.iso.datetime(),
  /** The session key of the repair, to each of those who open it since. */
  keysPgp: z.base64(),
});
export type KeysRecord = z.infer<typeof keysSchema>;

/** One transaction of a repair. `end` undefined: nobody has noted what became of it. */
export interface RepairStep {
  readonly begun: BegunRecord;
  readonly end: DoneRecord["outcome"] | undefined;
}

/** A repair as the vault knows it. */
export interface RepairRecord {
  readonly id: string;
  readonly plan: PlanRecord;
  readonly signedBy: SignedBy;
  /** To whom it was sealed since (`lifeboat keys rewrap`); undefined: keys.pgp counts. */
  readonly keys: KeysRecord | undefined;
  /** In the order in which they were begun. */
  readonly steps: readonly RepairStep[];
}

export interface RepairsFound {
  /** Oldest first. */
  readonly repairs: readonly RepairRecord[];
  /** Documents that are there and not to be trusted, and why. */
  readonly refused: readonly Refused[];
  /** Keys of what somebody hid or wrote again; what is signed is read as it was written. */
  readonly meddled: readonly string[];
}

/** Many changes over a year, each a repair of its own, come to some thousands of objects. */
const mostObjects = 50_000;
const most = { maxBytes: 8 * 1024 * 1024 };

/**
 * Reads what is known of all repairs, or of one and of those that its state depends on: what took it back, what it takes back, and all
 * whose end nobody has noted. Of the others only the plans are read that are not older, so that the first repair costs what the last does.
 *
 * @param verify of people's keys alone (`peopleVerifier`)
 * @throws OperationError `s3-unavailable`; ConfigurationError `s3-denied`
 */
export async function readRepairs(vault: Vault, verify: VerifySignature, about?: string): Promise<RepairsFound> {
  const own = await writtenObjects(vault, [repairsPrefix], mostObjects);
  const kinds = {
    plans: { isKey: planKey, keyOf: planOf, schema: planSchema, format: "lifeboat-repair-plan/1", ...most },
    begun: { isKey: begunKey, keyOf: begunOf, schema: begunSchema, format: "lifeboat-repair-begun/1", ...most },
    done: { isKey: doneKey, keyOf: doneOf, schema: doneSchema, format: "lifeboat-repair-done/1", ...most },
    keys: { isKey: keysKey, keyOf: keysOf, schema: keysSchema, format: "lifeboat-repair-keys/1", ...most },
  } as const;
  const refused: Refused[] = [];
  const read = async <Document>(
    kind: Kind<Document>,
    isWanted: (id: string) => boolean,
  ): Promise<Believed<Document>[]> => {
    const found = await readAllSigned(
      vault,
      own.filter(({ key }) => isWanted(idOf(key))),
      kind,
      verify,
    );
    refused.push(...found.refused);
    return found.believed;
  };
  const open = new Set(about === undefined ? [] : openByName(own.map(({ key }) => key)));
  let since = about === undefined ? "" : dayBefore(about);
  const plans = await read(kinds.plans, (id) => id >= since || open.has(id));
  const takenBackBy = (id: string | undefined) =>
    plans.find(({ document }) => document.id === id)?.document.of ?? undefined;
  for (let of = takenBackBy(about); of !== undefined; of = takenBackBy(of)) {
    if (of >= since) continue;
    const [from, until] = [dayBefore(of), since];
    plans.push(...(await read(kinds.plans, (id) => from <= id && id < until && !open.has(id))));
    since = from;
  }
  const wanted = about === undefined ? undefined : new Set([...relatives(plans, about), ...open]);
  const isWanted = (id: string): boolean => wanted?.has(id) ?? true;
  const begun = await read(kinds.begun, isWanted);
  const done = await read(kinds.done, isWanted);
  const keys = await read(kinds.keys, isWanted);
  const ends = new Map(done.map(({ document }) => [stepOf(document), document.outcome]));
  const steps = Map.groupBy(
    begun.map(({ document }) => document),
    ({ id }) => id,
  );
  const sealed = new Map(
    keys
      .map(({ document }) => document)
      .toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at))
      .map((one) => [one.id, one]),
  );
  const repairs = plans
    .filter(({ document }) => isWanted(document.id))
    .map(({ document: plan, signedBy }) => ({
      ...{ id: plan.id, plan, signedBy, keys: sealed.get(plan.id) },
      steps: (steps.get(plan.id) ?? [])
        .toSorted((a, b) => (BigInt(a.transaction) < BigInt(b.transaction) ? -1 : 1))
        .map((one) => ({ begun: one, end: ends.get(stepOf(one)) })),
    }));
  return {
    repairs: repairs.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    refused,
    meddled: own.filter(({ state }) => state !== "as written").map(({ key }) => key),
  };
}

const idOf = (key: string): string => key.split("/")[1] ?? "";

/** Repairs of which a note of a begin lies there, and none of its end. */
function openByName(keys: readonly string[]): string[] {
  const transactionOf = (key: string): string => `${idOf(key)} ${/-(\d+)[-.]/.exec(key.split("/")[2] ?? "")?.[1]}`;
  const ended = new Set(keys.filter(doneKey).map(transactionOf));
  return keys.filter((key) => begunKey(key) && !ended.has(transactionOf(key))).map(idOf);
}

/** What a repair of a day before would be called at least: clocks differ. Of what is no id there is none. */
function dayBefore(id: string): string {
  if (!setId.safeParse(id).success) return "~";
  return new Date(timeOfSet(id) - 86_400_000).toISOString().replaceAll(/[-:]|\.\d+/g, "");
}

/** Those that it takes back, or that take it back, and so on. */
function relatives(plans: readonly Believed<PlanRecord>[], about: string): ReadonlySet<string> {
  const found = new Set([about]);
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const { document: plan } of plans) {
      if (plan.of === null || !(found.has(plan.id) || found.has(plan.of))) continue;
      found.add(plan.id).add(plan.of);
    }
  }
  return found;
}

/** What somebody else did to repairs, in words for people. Each counts as it was written and signed, or not at all. */
export function repairAlarms({ refused, meddled }: Pick<RepairsFound, "refused" | "meddled">): string[] {
  const unsigned = refused.map(({ key }) => key);
  return [
    ...alarmOf(meddled, "hidden, or written again", "object of a repair", "objects of repairs"),
    ...alarmOf(unsigned, "laid among repairs without a signature of people's keys", "document"),
  ];
}

const planKey = (key: string): boolean => key.endsWith(`/${repairFiles.planRecord}`);
const begunKey = (key: string): boolean => /\/begun-\d+\.json$/.test(key);
const doneKey = (key: string): boolean => /\/done-\d+(-[0-9a-f]{8})?\.json$/.test(key);
const keysKey = (key: string): boolean => /\/keys-[0-9a-f]{8}\.json$/.test(key);
const keysOf = (one: KeysRecord): string => repairPrefix(one.id) + repairFiles.keys(one.mark);
const planOf = ({ id }: PlanRecord): string => repairPrefix(id) + repairFiles.planRecord;
const begunOf = ({ id, transaction }: BegunRecord): string => repairPrefix(id) + repairFiles.begun(transaction);
const doneOf = ({ id, transaction, mark }: DoneRecord): string =>
  repairPrefix(id) + repairFiles.done(transaction, mark);
const stepOf = ({ id, transaction }: BegunRecord | DoneRecord): string => `${id} ${transaction}`;
