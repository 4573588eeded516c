import {
  GetBucketLifecycleConfigurationCommand,
  GetObjectTaggingCommand,
  type LifecycleRule,
  PutObjectTaggingCommand,
} from "@aws-sdk/client-s3";
import { mapBounded } from "../../base/flow/bounded.ts";
import { readAnswer } from "../../s3/store-errors.ts";
import { asFact, type Fact, known } from "../s3/bucket-facts.ts";
import type { Vault } from "../s3/client.ts";
import { isReplicated, replicationOf, type Sides } from "./replication.ts";

/**
 * Tag of the objects that may leave Standard: what is large of an archive. The bucket's lifecycle rule asks for it, so what has
 * none stays readable at once: keys, manifest, the schema dump, inventory, RECOVER.md.
 */
export const archiveTagging = { key: "lifeboat-archive", value: "cold" } as const;

/** The same as an upload takes it. */
export const archiveTag = `${archiveTagging.key}=${archiveTagging.value}`;

export type { LifecycleRule };

const archived = /^database\/monthly\/(?<set>[^/]+)\/(?<name>.+)$/;

/** Whether an archive's object, by its key below the set's prefix, may: rows, large objects, the schema as SQL. */
export function leavesStandard(key: string): boolean {
  return /^(?:data\/|large-objects\.|\d\d-schema\.)/.test(key);
}

/** What became of the archives that still lie in Standard without the tag. */
export interface Released {
  readonly released: readonly string[];
  /** Not all of it is in the replica yet. */
  readonly waiting: readonly string[];
}

/**
 * Lets archives leave Standard that are in the replica, whole: S3 replicates nothing that lies in Glacier, and the lifecycle comes
 * once a day whether the replica is behind or not. The tag on an archive's last object is put last, so that what was broken off is
 * taken up again.
 * @param ours whether a set of this id is published and signed by us: what somebody else laid down gets no tag
 */
export async function releaseArchives(sides: Sides, ours: (set: string) => Promise<boolean>): Promise<Released> {
  const bySet = new Map<string, string[]>();
  for await (const { key, storageClass } of sides.vault.list(archives)) {
    const { set, name = "" } = archived.exec(key)?.groups ?? {};
    if (set !== undefined && leavesStandard(name) && storageClass === "STANDARD")
      bySet.set(set, [...(bySet.get(set) ?? []), key]);
  }
  const released: string[] = [];
  const waiting: string[] = [];
  for (const [set, keys] of bySet) {
    const last = keys.at(-1);
    if (last === undefined || (await isTaggedObject(sides.vault, last)) || !(await ours(set))) continue;
    if (!isReplicated(await replicationOf(sides, [`${archives}${set}/`]))) {
      waiting.push(set);
      continue;
    }
    await mapBounded(keys.slice(0, -1), 8, (key) => tag(sides.vault, key));
    await tag(sides.vault, last);
    released.push(set);
  }
  return { released, waiting };
}

async function isTaggedObject({ transport }: Vault, key: string): Promise<boolean> {
  return transport.request({ operation: "GetObjectTagging", key }, async ({ client, bucket, watch }) => {
    const command = new GetObjectTaggingCommand({ Bucket: bucket, Key: key });
    const { TagSet = [] } = await client.send(command, { abortSignal: watch.signal });
    return TagSet.some(({ Key, Value }) => Key === archiveTagging.key && Value === archiveTagging.value);
  });
}

async function tag({ transport }: Vault, key: string): Promise<void> {
  await transport.request({ operation: "PutObjectTagging", key }, async ({ client, bucket, watch }) => {
    const Tagging = { TagSet: [{ Key: archiveTagging.key, Value: archiveTagging.value }] };
    await client.send(new PutObjectTaggingCommand({ Bucket: bucket, Key: key, Tagging }), {
      abortSignal: watch.signal,
    });
  });
}

/** The bucket's lifecycle rules; none is an empty list. */
export async function readLifecycle(vault: Vault): Promise<Fact<readonly LifecycleRule[]>> {
  const retry = { attempts: 3, totalSeconds: 20, stallSeconds: 10 };
  return asFact(() =>
    vault.transport.request({ operation: "GetBucketLifecycleConfiguration", retry }, async (attempt) => {
      try {
        const command = new GetBucketLifecycleConfigurationCommand({ Bucket: attempt.bucket });
        const { Rules } = await attempt.client.send(command, { abortSignal: attempt.watch.signal });
        return known(Rules ?? []);
      } catch (error) {
        if (readAnswer(error).code !== "NoSuchLifecycleConfiguration") throw error;
        return known([]);
      }
    }),
  );
}

export interface ArchiveWish {
  readonly storageClass: "GLACIER" | "DEEP_ARCHIVE" | "GLACIER_IR";
  readonly afterDays: number;
  /** How long an archive is kept. */
  readonly retentionDays: number;
}

interface LifecycleJudgement {
  /** A sentence each, without its full stop; none when all is as wished. */
  readonly problems: readonly string[];
  /** What to put: the bucket's own rules, without those that are wrong, and ours. */
  readonly wanted: { readonly Rules: readonly LifecycleRule[] };
}

const ourId = "lifeboat-archive";
const everySet = "database/";
const archives = "database/monthly/";

/** The rule that moves what is large of an archive, and nothing else, out of Standard. */
export function archiveRule({ storageClass, afterDays }: ArchiveWish): LifecycleRule {
  const { key, value } = archiveTagging;
  return {
    ID: ourId,
    Status: "Enabled",
    Filter: { And: { Prefix: archives, Tags: [{ Key: key, Value: value }] } },
    Transitions: [{ Days: afterDays, StorageClass: storageClass }],
  };
}

/** Says what is missing or wrong, for the archives and for everything else that lies in the vault. Pure. */
export function judgeLifecycle(rules: readonly LifecycleRule[], wish: ArchiveWish): LifecycleJudgement {
  const enabled = rules.filter(({ Status }) => Status === "Enabled");
  const moving = enabled.filter((rule) => reachesArchives(rule) && (rule.Transitions ?? []).length > 0);
  const right = moving.filter((rule) => isTagged(rule) && moves(rule, wish));
  const problems: string[] = [];
  if (right.length === 0) {
    const found = moving.filter(isTagged).flatMap(({ Transitions }) => (Transitions ?? []).map(describeTransition));
    problems.push(
      found.length === 0
        ? `no rule moves the archives to ${wish.storageClass}: they stay in Standard`
        : `the archives go to ${found.join(", ")}; the policy wants ${wish.storageClass} after ${wish.afterDays} days`,
    );
  }
  const greedy = enabled.filter((rule) => !isTagged(rule) && freezes(rule) && overlaps(prefixOf(rule), everySet));
  for (const rule of greedy) {
    problems.push(
      `rule ${nameOf(rule)} also archives keys, manifests and newer sets, which then cannot be read at once`,
    );
  }
  const deleting = enabled.filter((rule) => deletesEarly(rule, wish.retentionDays));
  for (const rule of deleting) {
    problems.push(
      `rule ${nameOf(rule)} deletes what lies below ${prefixOf(rule) || "the whole bucket"} before its time`,
    );
  }
  const wrong = new Set([...moving.filter((rule) => isTagged(rule) && !right.includes(rule)), ...greedy, ...deleting]);
  const kept = rules.filter((rule) => !wrong.has(rule) && rule.ID !== ourId);
  return { problems, wanted: { Rules: [...kept, archiveRule(wish)] } };
}

const frozen = new Set(["GLACIER", "DEEP_ARCHIVE"]);

function moves({ Transitions }: LifecycleRule, { storageClass, afterDays }: ArchiveWish): boolean {
  return (
    Transitions?.length === 1 && Transitions[0]?.StorageClass === storageClass && Transitions[0].Days === afterDays
  );
}

function freezes(rule: LifecycleRule): boolean {
  return (rule.Transitions ?? []).some(({ StorageClass }) => frozen.has(StorageClass ?? ""));
}

/** Object lock keeps the versions; but a marker over the manifest hides a set. Sets of other tiers live shorter. */
function deletesEarly(rule: LifecycleRule, retentionDays: number): boolean {
  const { Days, Date: at } = rule.Expiration ?? {};
  if (Days === undefined && at === undefined) return false;
  return overlaps(prefixOf(rule), archives) && (Days === undefined || Days < retentionDays);
}

function reachesArchives(rule: LifecycleRule): boolean {
  return overlaps(prefixOf(rule), archives);
}

function overlaps(prefix: string, area: string): boolean {
  return prefix.startsWith(area) || area.startsWith(prefix);
}

function prefixOf({ Filter, Prefix }: LifecycleRule): string {
  return Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix ?? "";
}

function isTagged({ Filter }: LifecycleRule): boolean {
  const tags = [...(Filter?.Tag === undefined ? [] : [Filter.Tag]), ...(Filter?.And?.Tags ?? [])];
  return tags.some(({ Key, Value }) => Key === archiveTagging.key && Value === archiveTagging.value);
}

function nameOf({ ID }: LifecycleRule): string {
  return ID === undefined || ID === "" ? "without a name" : ID;
}

function describeTransition({
  Days,
  Date: at,
  StorageClass,
}: NonNullable<LifecycleRule["Transitions"]>[number]): string {
  return `${StorageClass ?? "another class"} ${Days === undefined ? `on ${at?.toISOString() ?? "a date"}` : `after ${Days} days`}`;
}
