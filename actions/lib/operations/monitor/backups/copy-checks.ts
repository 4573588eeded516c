import { ConfigurationError } from "../../../base/errors.ts";
import type { Finding } from "../../../policy/monitor/check.ts";
import { judgeCopy, judgeProof, judgeVerified } from "../../../policy/monitor/copies.ts";
import { judgeShrink } from "../../../policy/monitor/shrink.ts";
import type { Purpose } from "../../../policy/read-schedules.ts";
import { manifestVerifier } from "../../../vault/configured.ts";
import { type Tier, tierSchema } from "../../../vault/format/manifest.ts";
import type { VaultStanding } from "../../../vault/standing.ts";
import { schedulesOf } from "../../policy-check/promise-check.ts";
import { lackOf } from "../../retention/whole.ts";
import type { Check, Look } from "../check.ts";
import type { VaultReader } from "./read-vault.ts";

type BackupCheck = Omit<Check, "group">;

const tiers = tierSchema.options;
const titles: Readonly<Record<Tier, string>> = {
  daily: "Newest daily set",
  weekly: "Newest weekly set",
  monthly: "Newest archive",
};
const names: Readonly<Record<Tier, string>> = { daily: "daily set", weekly: "weekly set", monthly: "monthly archive" };

/** Copies in time, verified, proven, and as large as they were. A tier that no schedule makes is left out. */
export function copyChecks(look: Look, reader: VaultReader): BackupCheck[] {
  const { context, now } = look;
  const { policy } = context.config();
  const made = schedulesMade(look);
  const timing = (purpose: Purpose) => {
    const { lateMinutes, runMinutes } = policy.promises;
    return { works: made.schedules().filter((one) => one.purpose === purpose), lateMinutes, runMinutes };
  };
  const ofTier = (tier: Tier): BackupCheck => ({
    ...{ id: `set-${tier}`, title: titles[tier], runbook: "runbooks/backup-failed.md" },
    async look() {
      const [{ manifest, gaveUp }, { incident }] = await Promise.all([reader.newest(tier), reader.standing()]);
      const found = judgeCopy({
        ...{ what: names[tier], newestAt: manifest?.snapshotAt, now, ...timing(tier) },
        note: noteOf({ gaveUp, incident }),
      });
      return manifest === undefined
        ? found
        : { ...found, measure: { value: Number(manifest.counts.plainBytes), limit: null, unit: "bytes" } };
    },
  });
  const within = policy.promises.provenWithinDays;
  return [
    ...tiers.filter((tier) => made.makes(tier)).map(ofTier),
    ...(context.has("storageVault") && made.makes("files") ? [filesCheck(look, reader, () => timing("files"))] : []),
    {
      ...{ id: "set-verified", title: "Newest set read back", runbook: "runbooks/verification-failed.md" },
      look: () => lookAtVerified(look, reader),
    },
    ...(within === null
      ? []
      : [
          {
            ...{ id: "set-proven", title: "Restore test", runbook: "runbooks/restore-test-failed.md" },
            look: async () => {
              const { proven } = await reader.standing();
              const { provenAt, restoreSeconds } = proven ?? {};
              const { rtoMinutes } = policy.promises.scenarios.completeLoss;
              return judgeProof({ provenAt, restoreSeconds, withinDays: within, rtoMinutes, now });
            },
          },
        ]),
    {
      ...{ id: "set-shrinks", title: "Rows and bytes in the sets", runbook: "runbooks/backup-failed.md" },
      look: async () => shrinkOf(look, await reader.standing()),
    },
  ];
}

/** The schedules, read now; where there are none to read, every tier has its check, which says so. */
function schedulesMade({ context }: Look) {
  try {
    const { schedules } = schedulesOf(context.config());
    return {
      schedules: () => schedules,
      makes: (purpose: Purpose) => schedules.some((one) => one.purpose === purpose),
    };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return {
      schedules: () => {
        throw error;
      },
      makes: () => true,
    };
  }
}

function noteOf({ gaveUp, incident }: { gaveUp: boolean; incident: VaultStanding["incident"] }): string | undefined {
  if (gaveUp) return "Somebody laid so much over the sets that no key of ours signed that not all were looked at.";
  return incident === null ? undefined : "Sets that are made while an incident is on do not count.";
}

function filesCheck(
  { now }: Look,
  reader: VaultReader,
  timing: () => Pick<Parameters<typeof judgeCopy>[0], "works" | "lateMinutes" | "runMinutes">,
): BackupCheck {
  return {
    ...{ id: "files-snapshot", title: "Newest copy of the files", runbook: "runbooks/sync-failed.md" },
    async look() {
      const { files, incident } = await reader.standing();
      const note = noteOf({ gaveUp: false, incident });
      const found = judgeCopy({ what: "copy of the files", newestAt: files?.at, note, now, ...timing() });
      return files ? { ...found, measure: { value: files.bytes, limit: null, unit: "bytes" } } : found;
    },
  };
}

/** Sets beyond the newest that are looked for whole while the ones before them are not. */
const mostLooked = 3;

async function lookAtVerified({ context, now }: Look, reader: VaultReader): Promise<Finding> {
  const newest = await Promise.all(tiers.map((tier) => reader.newest(tier)));
  const manifests = newest
    .flatMap(({ manifest }) => manifest ?? [])
    .sort((a, b) => (a.snapshotAt < b.snapshotAt ? 1 : -1));
  const verify = await manifestVerifier(context.config());
  const sets: { set: string; snapshotAt: string; verified: boolean }[] = [];
  for (const { tier, set, snapshotAt, readBack = false } of manifests.slice(0, mostLooked)) {
    const whole = readBack && (await lackOf(await reader.vault(), { tier, set, signed: true }, verify)) === null;
    sets.push({ set, snapshotAt, verified: whole });
    if (whole) break;
  }
  return judgeVerified({ sets, readBack: context.config().policy.vault.readBack, now });
}

function shrinkOf({ context, history, now }: Look, { sets }: VaultStanding): Finding {
  const daily = sets.filter(({ tier }) => tier === "daily");
  const compared = daily.length > 0 ? daily : sets.filter(({ tier }) => tier === sets[0]?.tier);
  return judgeShrink({
    sets: compared.map(({ snapshotAt, rows, plainBytes }) => ({ at: snapshotAt, rows, bytes: plainBytes })),
    rowsByDay: history("set-shrinks"),
    bytesByDay: daily.length > 0 ? history("set-daily") : [],
    share: context.config().policy.backup.smallestShareOfLastSet,
    now,
  });
}
