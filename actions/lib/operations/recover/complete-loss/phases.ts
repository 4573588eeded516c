import type { Policy } from "../../../config/policy/policy.ts";
import { trustedSigners } from "../../../vault/configured.ts";
import { type DrillScenario, promiseOf } from "../../../vault/format/proof.ts";
import { readSignedSet } from "../../../vault/sets/open-set.ts";
import { thawSet } from "../../thaw/thaw-set.ts";
import { type Phase, shares } from "../phases.ts";
import { bringBack } from "./bring-back.ts";
import { carry } from "./carry.ts";
import { checkApplication } from "./check.ts";
import type { LossPlan } from "./facts.ts";
import { migrateRestored } from "./migrate.ts";
import { enlarge, makePlanned, untilItAnswers } from "./project.ts";
import { tryOut } from "./try-out.ts";
import type { LossWork } from "./work.ts";

const carryName = "carry the configuration";
const tryName = "try the configuration";
/** What a drill in staging leaves out: nothing is put back there, so there is nothing to try. */
export const ofConfiguration: readonly string[] = [carryName, tryName];

/** How the RTO is divided; measured on real projects where they wait for Supabase (created in 126 to 135 s, Storage minutes later). */
const weights = { thaw: 1, make: 3, answer: 15, disk: 6, restore: 55, migrate: 8, carry: 7, try: 3, check: 10 };

const giveUp = "give this recovery up (--give-up) and begin another in another region (--region)";

/** The phases of a recovery with this plan, their deadlines from the RTO of its scenario. */
export function lossPhases(plan: LossPlan, policy: Policy, scenario: DrillScenario): Phase<LossWork>[] {
  const seconds = shares(weights, policy.promises.scenarios[promiseOf[scenario]].rtoMinutes);
  const archived = plan.candidates[0]?.archived === true;
  const restoreSeconds = Math.ceil(60 + Number(plan.databaseBytes) / bytesPerSecond);
  const thaw: Phase<LossWork> = {
    name: "ask for the archive",
    does: "Asks Glacier for the set, so that it thaws while the project is made.",
    ...{ waitsFor: "the store's answer; the thaw itself is waited for when the set is restored", usuallySeconds: 10 },
    ...{ deadlineSeconds: seconds.thaw, late: "ends", run: thawArchive },
    whenLate: "Look whether the bucket answers, and choose a set that is no archive: --set ID.",
  };
  const make: Phase<LossWork> = {
    name: "make the project",
    does: "Makes a Supabase project, or finds the one that an earlier run has made.",
    ...{
      waitsFor: "the Management API",
      usuallySeconds: 10,
      deadlineSeconds: seconds.make,
      late: "ends",
      run: makePlanned,
    },
    whenLate: `Look at status.supabase.com; or make a project by hand, describe it as a target and recover into it: --target NAME.`,
  };
  const answer: Phase<LossWork> = {
    name: "wait until it answers",
    does: "Waits until database, auth and Storage of the project really answer, each asked itself.",
    ...{ waitsFor: "Supabase, which starts a machine and then its services", usuallySeconds: 180, late: "ends" },
    ...{ deadlineSeconds: seconds.answer, run: untilItAnswers },
    whenLate: `Look at status.supabase.com and at the project in the dashboard; then ${giveUp}.`,
  };
  const disk: Phase<LossWork> = {
    name: "enlarge the disk",
    does: "Gives the project a disk of three times the set's size, once: a full disk makes a database read-only.",
    ...{ waitsFor: "Supabase, which may change a disk once in four hours", usuallySeconds: 60, late: "ends" },
    ...{ deadlineSeconds: seconds.disk, run: enlarge },
    whenLate: "Enlarge the disk in the dashboard (Database Settings, Disk size), then run again.",
  };
  const restore: Phase<LossWork> = {
    name: "restore the set",
    does: `Restores the newest set that can be used${plan.withFiles ? ", with its files," : ""} and compares everything with it.`,
    ...{ waitsFor: "the vault, the network and the new database", usuallySeconds: restoreSeconds, late: "goes on" },
    ...{ deadlineSeconds: seconds.restore, run: restoreSet },
    whenLate: "Leave it alone while its bytes move. Ctrl-C loses nothing: run again, and it goes on.",
  };
  const check: Phase<LossWork> = {
    name: "check the application",
    does: "Runs the policy's checks of the application against what came back.",
    ...{ waitsFor: "the new project's answers", usuallySeconds: 60, deadlineSeconds: seconds.check, late: "ends" },
    run: checkApplication,
    whenLate: "Find out which check hangs: each has its own time limit in the policy.",
  };
  const migrate: Phase<LossWork> = {
    name: "apply migrations",
    does: "Brings the restored schema up to today's migrations, and the application's own tables by their programs.",
    ...{ waitsFor: "the new database, and the programs that the policy names", usuallySeconds: 30, late: "goes on" },
    deadlineSeconds: seconds.migrate,
    run: async (work, signal) => work.state.note({ migrated: await migrateRestored(work, signal) }),
    whenLate: "Look what the new database is doing (pg_stat_activity); a file that is broken off leaves nothing.",
  };
  const carryBack: Phase<LossWork> = {
    name: carryName,
    does: "Puts the configuration back that the set has, each setting read back; what reaches people stays off.",
    ...{ waitsFor: "the Management API, which takes 120 requests a minute", usuallySeconds: 60, late: "goes on" },
    deadlineSeconds: seconds.carry,
    run: async (work) => work.state.note({ configuration: await carry(work, { goLive: false }) }),
    whenLate: "Leave it alone: it goes on setting by setting. Ctrl-C loses nothing.",
  };
  const trying: Phase<LossWork> = {
    name: tryName,
    does: "Asks the new project itself whether it works by what was put back: sign-in, the signing key, each function, a login.",
    ...{ waitsFor: "Auth and the functions of the new project", usuallySeconds: 20, late: "goes on" },
    deadlineSeconds: seconds.try,
    run: async (work, signal) => work.state.note({ tried: await tryOut(work, signal) }),
    whenLate: "Leave it alone: each question has its own time limit. Ctrl-C loses nothing.",
  };
  const own = plan.project === null ? [] : [make, answer, disk];
  return [...(archived ? [thaw] : []), ...own, restore, migrate, carryBack, trying, check];
}

/** Of a restore with its files and the comparison, as measured on two cores that others keep busy (decision 0034). */
const bytesPerSecond = 5e6;

async function thawArchive(work: LossWork, signal: AbortSignal): Promise<void> {
  const { vault, config } = work.sources;
  const [first] = work.facts().plan.candidates;
  if (first === undefined) return;
  const signed = await readSignedSet(vault, first, await trustedSigners(config));
  await thawSet(vault, signed, { tier: "Standard", days: 7, dryRun: false, wait: false, log: work.log, signal });
}

async function restoreSet(work: LossWork, signal: AbortSignal): Promise<void> {
  await work.state.note({ restored: await bringBack(work, await work.place(), signal) });
}
