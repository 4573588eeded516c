import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import type { Config } from "../../config/load.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import { assertProjectAllowed, wakeProject } from "../../supabase/project.ts";
import { openingKey, provenBy, trustedSigners, withVault } from "../../vault/configured.ts";
import { announceUse } from "../../vault/holds/uses.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { openSet } from "../../vault/sets/open-set.ts";
import { readProofs } from "../../vault/sets/proof-store.ts";
import { askGlacier, proverKey, thisMonths } from "./begin.ts";
import { newSeed, seedPattern } from "./defect/defect.ts";
import type { RestoreTestRequest, RestoreTestResult } from "./request.ts";
import { type SelectedSet, selectSet } from "./select-set.ts";
import { resetWithFiles } from "./staging/empty-files.ts";
import { refuseUsed } from "./staging/in-use.ts";
import { type Marker, readMarker, setState } from "./staging/marker.ts";
import { admitMarker, placeOfStaging, reachStaging, type StagingPlace } from "./staging/staging.ts";
import { restoreAndCheck } from "./test-set.ts";

/**
 * The restore test: chooses a set, restores it into staging, and finds out whether it is what was backed up and whether the
 * application can live with it. The gates come first; what they refuse leaves everything untouched.
 *
 * @throws ConfigurationError what the gates refuse; OperationError what breaks on the way (staging is emptied before it is
 * thrown, where that is possible)
 */
export async function runRestoreTest(request: RestoreTestRequest): Promise<RestoreTestResult> {
  return withVault(request.vault, request.config.vault, (vault) => test(request, vault));
}

async function test(request: RestoreTestRequest, vault: Vault): Promise<RestoreTestResult> {
  const { config, log, signal, dryRun = false } = request;
  const seed = request.seed ?? newSeed();
  if (!seedPattern.test(seed)) {
    throw new ConfigurationError("usage", `'${seed}' is not a seed.`, "A seed has 8 hexadecimal digits.");
  }
  const place = placeOfStaging(config, { log, signal });
  const prover = await proverKey(config);
  const { proofs, refused } = await readProofs(vault, await provenBy(config));
  for (const { key, problem } of refused.slice(0, 20)) log.warn(`The proof ${key} does not count: ${problem}`);
  if (refused.length > 20) log.warn(`${refused.length - 20} more objects below proofs/ do not count either.`);
  const done = request.oncePerMonth === true ? await thisMonths(vault, proofs) : undefined;
  if (done !== undefined) {
    if (!dryRun) await wipeExpired(place, request, vault);
    return done;
  }
  const { policy } = config;
  const trusted = await trustedSigners(config);
  const selected = await selectSet(vault, { named: request.set, proofs, policy, trusted });
  log.info(`Set ${selected.signed.set} (${selected.signed.tier}): ${selected.why}.`);
  using _use = dryRun
    ? undefined
    : await announceUse(vault, { set: selected.signed.set, operation: "test-restore" }, log);
  const frozen = await askGlacier(vault, selected, request);
  if (frozen !== undefined) return frozen;
  if (place.api !== undefined) await assertProjectAllowed(place.api, place.ref, config.policy.regions);
  if (!dryRun && place.api !== undefined) await wakeProject(place.api, place.ref, { log, signal });
  await using staging = await reachStaging(place, config, { log, signal });
  const marker = admitMarker(await readMarker(staging.client), place.ref, staging.identity);
  refuseKept(marker, new Date());
  const refuseInUse = () => refuseUsed(staging.client, marker, inventoryOf(vault, config));
  if (dryRun) {
    await refuseInUse();
    return dryRunOf(selected, place.ref, request);
  }
  return await restoreAndCheck({
    request,
    place,
    client: staging.client,
    marker,
    refuseInUse,
    vault,
    prover,
    selected,
    proofs,
    seed,
  });
}

/** A copy whose time is over goes, whether or not there is something to test. */
async function wipeExpired(place: StagingPlace, request: RestoreTestRequest, vault: Vault): Promise<void> {
  const { config, log, signal } = request;
  await using staging = await reachStaging(place, config, { log, signal });
  const marker = admitMarker(await readMarker(staging.client), place.ref, staging.identity);
  const over = marker.state === "testing" || (marker.keepUntil !== null && marker.keepUntil <= new Date());
  if (!over) return;
  await refuseUsed(staging.client, marker, inventoryOf(vault, config));
  log.info(`Emptying staging of the copy of ${marker.set ?? "an unknown set"}, whose time is over.`);
  await resetWithFiles(staging.client, config, request);
  await setState(staging.client, "empty");
}

/** Of a set that may be gone or closed by now: then undefined. */
export function inventoryOf(vault: Vault, config: Config<"opening">): (set: string) => Promise<Inventory | undefined> {
  return async (set) => {
    try {
      const keys = { trustedSigners: await trustedSigners(config), privateKey: await openingKey(config) };
      return await (await openSet(vault, set, keys)).inventory();
    } catch (error) {
      if (error instanceof LifeboatError) return undefined;
      throw error;
    }
  };
}

/** @throws ConfigurationError `staging-kept` */
export function refuseKept({ state, keepUntil, set }: Marker, now: Date): void {
  if (state !== "kept" || keepUntil === null || keepUntil <= now) return;
  throw new ConfigurationError(
    "staging-kept",
    `The copy of ${set ?? "a set"} in staging is to be kept until ${keepUntil.toISOString()}. Nothing has been touched.`,
    "Wait until then, or empty it now: `lifeboat test-restore --wipe`.",
  );
}

function dryRunOf({ signed, turn, why }: SelectedSet, projectRef: string, request: RestoreTestRequest) {
  const { checks, performance } = request.config.policy.restoreTest;
  return {
    ...{ outcome: "dry-run" as const, set: signed.set, tier: signed.tier, turn, why, projectRef },
    ...{ checks: checks.length, queries: performance.queries.length + performance.lookups.length },
  };
}
