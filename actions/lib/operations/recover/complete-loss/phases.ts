import { randomBytes } from "node:crypto";
import { LifeboatError, OperationError } from "../../../base/errors.ts";
import type { Policy } from "../../../config/policy/policy.ts";
import type { Scenario } from "../../../config/policy/promises.ts";
import { connect } from "../../../postgres/connect/connect.ts";
import { openProjectFiles } from "../../../storage/project-files.ts";
import { enlargeDisk } from "../../../supabase/new-project/disk.ts";
import { makeProject } from "../../../supabase/new-project/make.ts";
import { patiently, waitUntilHealthy } from "../../../supabase/new-project/wait.ts";
import { trustedSigners } from "../../../vault/configured.ts";
import { readSignedSet } from "../../../vault/sets/open-set.ts";
import { attempt, targetConnector } from "../../target/sessions.ts";
import { runChecks } from "../../test-restore/further-checks.ts";
import { thawSet } from "../../thaw/thaw-set.ts";
import { type Phase, shares } from "../phases.ts";
import { bringBack } from "./bring-back.ts";
import type { LossPlan } from "./facts.ts";
import type { LossWork, Place } from "./work.ts";

/** A database's password, made by us: nothing in it has to be encoded anywhere. */
export function newPassword(): string {
  return randomBytes(24).toString("base64url");
}

/** How the RTO is divided; measured on real projects where they wait for Supabase (created in 126 to 135 s, Storage minutes later). */
const weights = { thaw: 1, make: 3, answer: 15, disk: 6, restore: 55, check: 10 };

const giveUp = "give this recovery up (--give-up) and begin another in another region (--region)";

/** The phases of a recovery with this plan, their deadlines from the RTO of its scenario. */
export function lossPhases(plan: LossPlan, policy: Policy, scenario: Scenario): Phase<LossWork>[] {
  const seconds = shares(weights, policy.promises.scenarios[scenario].rtoMinutes);
  const archived = plan.candidates[0]?.archived === true;
  const restoreSeconds = Math.ceil(60 + Number(plan.databaseBytes) / bytesPerSecond);
  const thaw: Phase<LossWork> = {
    name: "ask for the archive",
    does: "Asks Glacier for the set, so that it thaws while the project is made.",
    ...{ waitsFor: "the store's answer; the thaw itself is waited for when the set is restored", usuallySeconds: 10 },
    ...{ deadlineSeconds: seconds.thaw, late: "ends", run: thawArchive },
    whenLate: "look whether the bucket answers, and choose a set that is no archive: --set ID.",
  };
  const make: Phase<LossWork> = {
    name: "make the project",
    does: "Makes a Supabase project, or finds the one that an earlier run has made.",
    ...{ waitsFor: "the Management API", usuallySeconds: 10, deadlineSeconds: seconds.make, late: "ends", run: make_ },
    whenLate: `look at status.supabase.com; or make a project by hand, describe it as a target and recover into it: --target NAME.`,
  };
  const answer: Phase<LossWork> = {
    name: "wait until it answers",
    does: "Waits until database, auth and Storage of the project really answer, each asked itself.",
    ...{ waitsFor: "Supabase, which starts a machine and then its services", usuallySeconds: 180, late: "ends" },
    ...{ deadlineSeconds: seconds.answer, run: untilItAnswers },
    whenLate: `look at status.supabase.com and at the project in the dashboard; then ${giveUp}.`,
  };
  const disk: Phase<LossWork> = {
    name: "enlarge the disk",
    does: "Gives the project a disk of three times the set's size, once: a full disk makes a database read-only.",
    ...{ waitsFor: "Supabase, which may change a disk once in four hours", usuallySeconds: 60, late: "ends" },
    ...{ deadlineSeconds: seconds.disk, run: enlarge },
    whenLate: "enlarge the disk in the dashboard (Database Settings, Disk size), then run again.",
  };
  const restore: Phase<LossWork> = {
    name: "restore the set",
    does: `Restores the newest set that can be used${plan.withFiles ? ", with its files," : ""} and compares everything with it.`,
    ...{ waitsFor: "the vault, the network and the new database", usuallySeconds: restoreSeconds, late: "goes on" },
    ...{ deadlineSeconds: seconds.restore, run: restoreSet },
    whenLate: "leave it alone while its bytes move. Ctrl-C loses nothing: run again, and it goes on.",
  };
  const check: Phase<LossWork> = {
    name: "check the application",
    does: "Runs the policy's checks of the application against what came back.",
    ...{ waitsFor: "the new project's answers", usuallySeconds: 60, deadlineSeconds: seconds.check, late: "ends" },
    run: checkApplication,
    whenLate: "find out which check hangs: each has its own time limit in the policy.",
  };
  const own = plan.project === null ? [] : [make, answer, disk];
  return [...(archived ? [thaw] : []), ...own, restore, check];
}

/** Of a restore with its comparison, as measured in the lab: slower than a disk, faster than most links. */
const bytesPerSecond = 15e6;

async function thawArchive(work: LossWork, signal: AbortSignal): Promise<void> {
  const { vault, config } = work.sources;
  const [first] = work.facts().plan.candidates;
  if (first === undefined) return;
  const signed = await readSignedSet(vault, first, await trustedSigners(config));
  await thawSet(vault, signed, { tier: "Standard", days: 7, dryRun: false, wait: false, log: work.log, signal });
}

async function make_(work: LossWork, signal: AbortSignal): Promise<void> {
  const { plan, password } = work.facts();
  const { project } = plan;
  if (project === null || password === null) return;
  const { organization, region, size } = project;
  const { policy, projectRef } = work.context.config();
  const wish = { name: work.projectName, organization, region, size: size ?? undefined };
  const { clock, log } = work;
  const making = { clock, log, signal, regions: policy.regions, production: projectRef };
  const ref = await makeProject(work.api, wish, password, making);
  log.info(`Project ${ref} in ${region}.`);
  await work.state.note({ ref });
}

/** The API's word is not enough: the first status after a change may be the one from before it. */
async function untilItAnswers(work: LossWork, signal: AbortSignal): Promise<void> {
  const { ref } = work.facts();
  if (ref === null) return;
  const waiting = { clock: work.clock, log: work.log, signal };
  await waitUntilHealthy(work.api, ref, waiting);
  const place = await work.place();
  await patiently("its database", waiting, () => databaseAnswers(work, place, signal));
  await patiently("its Storage", waiting, () => storageAnswers(place, signal));
}

/**
 * One connection, one attempt: the pooler counts wrong passwords and then refuses everybody (ECIRCUITBREAKER), and a new project's
 * password works a moment later than the project is called healthy.
 */
async function databaseAnswers({ log }: LossWork, { target }: Place, signal: AbortSignal): Promise<string | undefined> {
  try {
    const client = await connect(target.database, {
      ...{ applicationName: "lifeboat/recover", setting: target.name, log, signal },
      patience: { attempts: 1, attemptSeconds: 30, baseMillis: 0, capMillis: 0 },
    });
    try {
      await client.query("select 1 from pg_catalog.pg_namespace where nspname = 'storage'");
    } finally {
      await client.end().catch(() => undefined);
    }
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof LifeboatError ? `it refuses (${error.code})` : "it does not answer";
  }
}

async function storageAnswers({ storage }: Place, signal: AbortSignal): Promise<string | undefined> {
  if (storage === undefined) return undefined;
  using files = openProjectFiles(storage, { side: "target", retry: { attempts: 1, totalSeconds: 20 } });
  try {
    await files.buckets(signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof LifeboatError ? `it refuses (${error.code})` : "it does not answer";
  }
}

async function enlarge(work: LossWork, signal: AbortSignal): Promise<void> {
  const { plan, ref } = work.facts();
  if (plan.project === null || ref === null) return;
  const { clock, log } = work;
  await enlargeDisk(work.api, ref, plan.project.diskGigabytes, { clock, log, signal });
}

async function restoreSet(work: LossWork, signal: AbortSignal): Promise<void> {
  await work.state.note({ restored: await bringBack(work, await work.place(), signal) });
}

async function checkApplication(work: LossWork, signal: AbortSignal): Promise<void> {
  const { policy } = work.context.config();
  const { target, url, keys } = await work.place();
  const connectTarget = targetConnector({ target, policy }, "recover", { log: work.log, signal });
  const client = await connectTarget();
  try {
    // A dump carries no statistics: without them the planner would know nothing.
    await attempt(client, "analyze");
  } finally {
    await client.end().catch(() => undefined);
  }
  const prefix = policy.targets[policy.restoreTest.target]?.env ?? "STAGING";
  const env = {
    ...work.env,
    ...(url !== null && { [`${prefix}_API_URL`]: url }),
    ...(keys !== undefined && { [`${prefix}_ANON_KEY`]: keys.anon.reveal() }),
  };
  const results = await runChecks({
    ...{ checks: policy.recovery.checks ?? policy.restoreTest.checks, connect: connectTarget, log: work.log, signal },
    http: { variable: `${prefix}_API_URL`, env },
  });
  const checks = results.map(({ finding, ...rest }) => ({ ...rest, finding: finding.slice(0, 500) }));
  if (results.length === 0) work.log.warn("The policy has no checks of the application: whether it works is unproven.");
  await work.state.note({ checks });
}

/** @throws OperationError `recovery-unknown` when a phase that comes before has noted nothing */
export function restoredOf(work: LossWork) {
  const { restored } = work.facts();
  if (restored !== null) return restored;
  throw new OperationError("recovery-unknown", `Recovery ${work.state.id} has not noted what was restored.`);
}
