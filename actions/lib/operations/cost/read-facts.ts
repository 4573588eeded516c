import { LifeboatError } from "../../base/errors.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { assumedFacts, type CostFacts, type FilesShape, type SetShape, shapeOf } from "../../policy/cost/facts.ts";
import { monthDays } from "../../policy/cost/stays.ts";
import { growthPerDay } from "../../policy/monitor/trend.ts";
import { allRows, readRuns, type Tree } from "../../report/branch/fold-runs.ts";
import type { RunRow } from "../../report/run/run-row.ts";
import { manifestVerifier } from "../../vault/configured.ts";
import { type Tier, timeOfSet } from "../../vault/format/manifest.ts";
import { filesPrefixes } from "../../vault/format/names.ts";
import type { SnapshotManifest } from "../../vault/format/snapshot-manifest.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { publishedSets } from "../../vault/sets/catalogue.ts";
import { firstFew, firstOf, trustedSets, trustedSnapshots } from "../../vault/standing.ts";
import type { Context } from "../context.ts";
import { withFetchedBranch } from "../publish/fetched-branch.ts";

const dayMillis = 86_400_000;
/** Enough to see a pace: a month of two sets a day. */
const newestSets = 60;

/** How large everything is: as the vault says, else the reports, else the policy. What cannot be asked is told. */
export async function readFacts(context: Context, now: Date): Promise<CostFacts> {
  const { policy } = context.config();
  const assumed = assumedFacts(policy);
  const told = await withFetchedBranch(context, async (tree) => factsOfReports(tree, policy));
  if (!context.has("vault")) return told ?? assumed;
  try {
    const verify = await manifestVerifier(context.config());
    const sets = await factsOfSets(await context.vault(), verify, assumed, now);
    if (sets === undefined) return told ?? assumed;
    const files = context.has("storageVault")
      ? await factsOfFiles(await context.files(), verify, now)
      : (told ?? assumed).files;
    return { ...sets, files };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    context.log.warn(`The vault could not be asked for its sizes: ${error.message}`);
    return told ?? assumed;
  }
}

/** Undefined: there is no set that can be trusted. */
async function factsOfSets(
  vault: Vault,
  verify: VerifySignature,
  assumed: CostFacts,
  now: Date,
): Promise<Omit<CostFacts, "files"> | undefined> {
  const newest = await firstFew(trustedSets(vault, verify, { marked: "count" }), newestSets);
  const [first] = newest;
  if (first === undefined) return undefined;
  const present = (await Array.fromAsync(publishedSets(vault))).map(({ tier, set }) => ({
    ...{ tier, age: Math.max(0, (now.getTime() - timeOfSet(set)) / dayMillis) },
  }));
  const of = async (tier: Tier): Promise<SetShape> => {
    const found =
      newest.find((one) => one.tier === tier) ?? (await firstOf(trustedSets(vault, verify, { tier, marked: "count" })));
    return shapeOf(found ?? { ...first, tier });
  };
  const daily = newest.filter(({ tier }) => tier === "daily").toReversed();
  const pace = growthPerDay(
    daily.map(({ snapshotAt, counts }) => ({ day: snapshotAt, value: Number(counts.plainBytes) })),
    now,
  );
  return {
    told: `the manifests of the vault, the newest of ${first.snapshotAt.slice(0, 10)}`,
    sets: { daily: await of("daily"), weekly: await of("weekly"), monthly: await of("monthly") },
    growthBytes: pace === undefined ? assumed.growthBytes : pace * monthDays,
    present,
  };
}

/** Snapshots of the last month tell what is new; the list of the bucket, what lies there. */
async function factsOfFiles(vault: Vault, verify: VerifySignature, now: Date): Promise<FilesShape | null> {
  const month: SnapshotManifest[] = [];
  for await (const one of trustedSnapshots(vault, verify, { marked: "count" })) {
    month.push(one);
    if (now.getTime() - Date.parse(one.snapshotAt) > monthDays * dayMillis) break;
  }
  const [newest, oldest] = [month[0], month.at(-1)];
  if (newest === undefined || oldest === undefined) return null;
  let [storedBytes, objects] = [0, 0];
  for (const prefix of filesPrefixes)
    for await (const { bytes } of vault.list(prefix)) {
      storedBytes += bytes;
      if (prefix !== "snapshots/") objects++;
    }
  // What the first copy took is no pace.
  const since = month.filter(({ previous }) => previous !== null && month.length > 1);
  const days = Math.max(1, (now.getTime() - Date.parse(oldest.snapshotAt)) / dayMillis);
  const monthly = (value: (counts: SnapshotManifest["counts"]) => number): number =>
    (since.reduce((sum, { counts }) => sum + value(counts), 0) * monthDays) / days;
  const newStoredBytes = monthly(({ storedBytes }) => Number(storedBytes));
  const files = newest.counts.files;
  return {
    ...{ files, bytes: Number(newest.counts.bytes), storedBytes, objects },
    growthBytes: ((Number(newest.counts.bytes) - Number(oldest.counts.bytes)) / days) * monthDays,
    newFiles: monthly(({ filesCopied }) => filesCopied),
    newBytes: monthly(({ egressBytes }) => Number(egressBytes)),
    newStoredBytes,
    newObjects: storedBytes === 0 ? 0 : (newStoredBytes / storedBytes) * objects,
  };
}

/** What the branch `reports` says of the newest of each kind; undefined where it was not fetched, or says nothing. */
function factsOfReports(tree: Tree, policy: Policy): CostFacts | undefined {
  const rows = allRows(readRuns(tree));
  const newest = newestOf(rows);
  const daily = newest("daily") ?? newest("weekly") ?? newest("monthly");
  if (daily === undefined) return undefined;
  const fileBytes = rows
    .findLast(({ operations }) => operations.some(({ fileBytes }) => fileBytes !== undefined))
    ?.operations.findLast(({ fileBytes }) => fileBytes !== undefined)?.fileBytes;
  const { cost } = policy;
  const assumed = assumedFacts({
    ...policy,
    cost: {
      ...cost,
      assumed: { ...cost.assumed, databaseBytes: daily.plain, ...(fileBytes !== undefined && { fileBytes }) },
    },
  });
  const of = (tier: Tier): SetShape => {
    const shape = assumed.sets[tier];
    const found = newest(tier);
    if (found === undefined) return shape;
    const coldBytes = shape.coldBytes * (found.stored / Math.max(1, shape.storedBytes));
    return { ...shape, plainBytes: found.plain, storedBytes: found.stored, coldBytes };
  };
  return {
    ...assumed,
    told: `the branch reports, the newest set of ${daily.at.slice(0, 10)}; the number of files from cost.assumed of the policy`,
    sets: { daily: of("daily"), weekly: of("weekly"), monthly: of("monthly") },
  };
}

/** The newest set of a tier that a run has told of. @param rows oldest first */
function newestOf(rows: readonly RunRow[]) {
  return (tier: Tier): { readonly plain: number; readonly stored: number; readonly at: string } | undefined => {
    for (const { at, operations } of rows.toReversed())
      for (const one of operations)
        if (one.operation === "backup" && one.tier === tier && one.plainBytes && one.storedBytes)
          return { plain: one.plainBytes, stored: one.storedBytes, at };
    return undefined;
  };
}
