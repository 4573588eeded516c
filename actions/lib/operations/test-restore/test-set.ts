import { ConfigurationError } from "../../base/errors.ts";
import { Stages } from "../../base/flow/stages.ts";
import { formatBytes } from "../../base/measures.ts";
import { type ProjectRoom, quietAuth, readRoom } from "../../supabase/project.ts";
import { trustedSigners } from "../../vault/configured.ts";
import { runRestore } from "../restore/run-restore.ts";
import { freePlanBytes } from "../target/room.ts";
import { type FurtherFindings, runFurtherChecks } from "./further-checks.ts";
import { judgeTest, publishProof } from "./publish-proof.ts";
import {
  type AdmittedTest,
  type FoundOut,
  keepHours,
  type Quiet,
  type RestoreTestReport,
  secondsSince,
} from "./request.ts";
import { emptyLeftFiles } from "./staging/empty-files.ts";
import { setState } from "./staging/marker.ts";
import { resetStaging } from "./staging/reset.ts";

/** Empties staging, restores the set, looks at the copy, signs what was found, and empties staging again or keeps the copy. */
export async function restoreAndCheck(test: AdmittedTest): Promise<RestoreTestReport> {
  const { request, client, selected } = test;
  const { log, signal } = request;
  const begun = performance.now();
  const startedAt = new Date();
  const stages = new Stages(log);
  await makeRoom(test);
  await test.refuseInUse();
  const quiet = await stages.run("quiet", () => silence(test));
  await setState(client, "testing", { set: selected.signed.set });
  try {
    await stages.run("empty staging", async () => {
      // What a restore test leaves has no bytes; what a drill left that died has.
      if (test.marker.state !== "empty") await emptyLeftFiles(test.client, request.config, request);
      await resetStaging(client, log, request.gate);
    });
    const found = await restoreSelected(test);
    const verdict = judgeTest(found.integrity, found.further, request.config.policy.restoreTest);
    const facts = { ...found, verdict, startedAt, stages: [...stages.taken, ...found.integrity.stages], begun };
    const told = stages.taken.length;
    const report = await stages.run("sign the proof", () => publishProof(test, facts, quiet));
    const copy = await settleCopy(test, report.outcome, stages);
    const totalSeconds = secondsSince(begun);
    return { ...report, copy, totalSeconds, stages: [...report.stages, ...stages.taken.slice(told)] };
  } catch (error) {
    // Students' data must not stay behind because something broke; an aborted run leaves it to the next one or to --wipe.
    if (signal?.aborted !== true) await emptyAfterFailure(test);
    throw error;
  }
}

async function restoreSelected(test: AdmittedTest): Promise<FoundOut> {
  const { request, place, selected, proofs, seed } = test;
  const { config, log, signal } = request;
  const { restoreTest, targets } = config.policy;
  const { tier, set, manifest } = selected.signed;
  const trusted = await trustedSigners(config);
  let further: FurtherFindings | undefined;
  const begun = performance.now();
  let restoreSeconds: number | undefined;
  const integrity = await runRestore({
    ...{ config, vault: test.vault, ref: { tier, set }, log, ...(signal === undefined ? {} : { signal }) },
    staysStaging: true,
    whileProven: async (target) => {
      restoreSeconds = secondsSince(begun);
      further = await runFurtherChecks(target, {
        ...{ policy: restoreTest, env: config.env, projectRef: place.ref, seed, log, signal },
        apiVariable: `${targets[config.target.name]?.env ?? "STAGING"}_API_URL`,
        sourceBytes: manifest.counts.databaseBytes,
        earlier: proofs.map(({ proof }) => proof),
        keep: keepHours(request) > 0,
        files: { moment: { set, snapshotAt: manifest.snapshotAt }, trusted, prover: test.prover },
      });
    },
  });
  return { integrity, further, restoreSeconds: restoreSeconds ?? secondsSince(begun) };
}

/** @throws ConfigurationError `staging-too-small` */
async function makeRoom({ place, client, selected, request, marker }: AdmittedTest): Promise<void> {
  if (place.api === undefined) {
    request.log.warn("Whether staging has room for the data is not known: SUPABASE_ACCESS_TOKEN is not set.");
    return;
  }
  const size = await client.query<{ bytes: string }>("select pg_database_size(current_database())::text as bytes");
  // What a reset gives back: nothing where there is nothing.
  const freed = marker.state === "empty" ? 0n : BigInt(size.rows[0]?.bytes ?? "0");
  admitRoom(await readRoom(place.api, place.ref), BigInt(selected.signed.manifest.counts.databaseBytes), freed);
}

/** Mail, hooks and messages of the auth server, before there are people whom they could reach. */
async function silence({ place, request }: AdmittedTest): Promise<Quiet[]> {
  const inDatabase: Quiet = { what: "cron jobs, webhooks and triggers that call out", state: "off" };
  const auth = "mail, hooks and text messages of the auth server";
  if (place.api === undefined) {
    request.log.warn(`Not verified: ${auth}. Set SUPABASE_ACCESS_TOKEN, and they are switched off.`);
    return [inDatabase, { what: auth, state: "unverified" }];
  }
  const changed = await quietAuth(place.api, place.ref);
  if (changed.length > 0) request.log.info(`Switched off in staging: ${changed.join(", ")}.`);
  return [inDatabase, { what: auth, state: "off" }];
}

/** Only a proven copy is worth keeping. */
async function settleCopy(
  { client, request, selected }: AdmittedTest,
  outcome: RestoreTestReport["outcome"],
  stages: Stages,
): Promise<RestoreTestReport["copy"]> {
  const hours = keepHours(request);
  if (hours > 0 && outcome === "proven") {
    const keepUntil = new Date(Date.now() + hours * 3_600_000);
    await setState(client, "kept", { set: selected.signed.set, keepUntil });
    return { state: "kept", until: keepUntil.toISOString() };
  }
  await stages.run("wipe", () => resetStaging(client, request.log, request.gate));
  await setState(client, "empty");
  return { state: "wiped", until: null };
}

async function emptyAfterFailure({ client, request }: AdmittedTest): Promise<void> {
  try {
    await resetStaging(client, request.log, request.gate);
    await setState(client, "empty");
  } catch {
    request.log.warn("Staging could not be emptied and still holds data: run `lifeboat test-restore --wipe`.");
  }
}

/** Rows arrive with their write-ahead log, and indexes are built beside their tables. */
const headroom = 1.3;

/**
 * Refuses a project that is too small for the data, before any is loaded. Pure.
 * @param neededBytes size of the database at the source
 * @param freedBytes what a reset of staging gives back
 * @throws ConfigurationError `staging-too-small`
 */
export function admitRoom(room: ProjectRoom, neededBytes: bigint, freedBytes: bigint): void {
  const needed = Number(neededBytes);
  const refuse = (has: string, next: string) =>
    new ConfigurationError(
      "staging-too-small",
      `The database has ${formatBytes(needed)}, and the staging project ${has}. No data was loaded.`,
      next,
    );
  if (room.freePlan && needed > freePlanBytes) {
    throw refuse(
      `is on the free plan, which allows ${formatBytes(freePlanBytes)}`,
      "Move the staging project to a paid plan.",
    );
  }
  const available = room.availableBytes + Number(freedBytes);
  if (needed * headroom > available) {
    throw refuse(
      `has room for ${formatBytes(available)}; it takes ${formatBytes(needed * headroom)}`,
      "Enlarge its disk (dashboard, Database Settings, Disk size), then run again.",
    );
  }
}
