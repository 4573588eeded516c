import { ConfigurationError } from "../../../base/errors.ts";
import { formatBytes, formatCount } from "../../../base/measures.ts";
import type { Policy } from "../../../config/policy/policy.ts";
import { hasReplica } from "../../../config/vault-location.ts";
import type { Finding } from "../../../policy/monitor/check.ts";
import {
  alarmTroubles,
  judgeClocks,
  judgeDeepReads,
  judgeIncident,
  judgeTroubles,
  type Trouble,
} from "../../../policy/monitor/vault.ts";
import { peopleVerifier, readerSigners } from "../../../vault/configured.ts";
import { type Manifest, setPrefix, type Tier, tierSchema } from "../../../vault/format/manifest.ts";
import { manifestName } from "../../../vault/published/signed-manifest.ts";
import { readRepairs, repairAlarms } from "../../../vault/repairs/records.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import type { CheckRow } from "../../check/check-row.ts";
import { checkBucket, checkLifecycle } from "../../check/vault-rows.ts";
import { readDeepRecord } from "../../verify/files/deep-record.ts";
import type { Check, Look } from "../check.ts";
import { lookAtTrail } from "./audit-check.ts";
import { lookAtErasures } from "./erasure-check.ts";
import type { VaultReader } from "./read-vault.ts";

type BackupCheck = Omit<Check, "group">;

/** What keeps the copies from being lost: the replica, locks, holds, the packs' insides, an incident, a clock. */
export function safetyChecks(look: Look, reader: VaultReader): BackupCheck[] {
  const { context, now } = look;
  const { incident } = context.config().policy;
  return [
    ...(hasReplica(context.env)
      ? [
          {
            ...{ id: "replica", title: "Replica in another region", runbook: "runbooks/replica.md" },
            look: async () => lookAtReplica(look, reader),
          },
        ]
      : []),
    {
      ...{ id: "locks", title: "Locks and lifecycle", runbook: "runbooks/vault-meddled.md" },
      look: async () => lookAtLocks(look, reader),
    },
    {
      ...{ id: "holds", title: "Holds", runbook: "runbooks/holds.md" },
      async look() {
        const { holds } = await reader.standing();
        const troubles = alarmTroubles(holds, "See `lifeboat holds --check` and runbooks/holds.md.");
        const means = "Something that must be kept could be removed, or is gone already.";
        return judgeTroubles(troubles, "Everything on hold is there, and the store holds it, too.", means);
      },
    },
    ...(context.config().policy.erasure.subjects === null
      ? []
      : [
          {
            ...{ id: "erasures", title: "Erasures", runbook: "runbooks/compliance/gdpr-erasure.md" },
            look: async () => lookAtErasures(look, reader),
          },
        ]),
    {
      ...{ id: "audit-trail", title: "Audit trail", runbook: "runbooks/audit-trail.md" },
      look: async () => lookAtTrail(look, reader),
    },
    ...(context.has("storageVault")
      ? [
          {
            ...{ id: "deep-verify", title: "Packs of the files opened", runbook: "runbooks/verification-failed.md" },
            look: async () => {
              const { record } = await readDeepRecord(await context.files(), await readerSigners(context.config()));
              return judgeDeepReads(record?.rotation, now);
            },
          },
        ]
      : []),
    {
      ...{ id: "incident", title: "Incident", runbook: "runbooks/incident.md" },
      look: async () => judgeIncident((await reader.standing()).incident, incident.longestDays, now),
    },
    {
      ...{ id: "clocks", title: "Clocks", runbook: "runbooks/backup-failed.md" },
      async look() {
        const store = await (await reader.vault()).serverTime();
        // Here the machine's own clock is what is judged.
        return judgeClocks(new Date(), store);
      },
    },
    {
      ...{ id: "vault-size", title: "Size of the vault", runbook: "runbooks/retention.md" },
      look: async () => sizeOf(await bothVaults(reader)),
    },
  ];
}

async function bothVaults(reader: VaultReader): Promise<Vault[]> {
  return [await reader.vault(), await reader.files()].filter((one) => one !== undefined);
}

async function lookAtReplica({ context }: Look, reader: VaultReader): Promise<Finding> {
  const { replica } = await reader.standing();
  const hours = context.config().policy.replica.lagHours;
  if (replica === undefined)
    throw new ConfigurationError(
      "configuration",
      "S3_REPLICA_BUCKET is set, and the replica was not looked at.",
      "Give the monitor S3_REPLICA_REGION and a role that may read the replica.",
    );
  const means =
    "A regional disaster would take more than is promised: what is not in the replica is gone with the region.";
  const good = `The newest sets and copies of the files are in the replica, or on their way for less than ${hours} hours.`;
  return judgeTroubles(alarmTroubles(replica, "See runbooks/replica.md."), good, means);
}

/** Which rows of the preflight belong to this check; the clock has one of its own. */
const bucketRows = new Set(["region", "versioning", "object lock", "bucket"]);

async function lookAtLocks({ context }: Look, reader: VaultReader): Promise<Finding> {
  const { policy } = context.config();
  const rows: CheckRow[] = [];
  let locks = false;
  for (const vault of await bothVaults(reader)) {
    const inspected = await checkBucket(policy, vault, vault.region);
    rows.push(...inspected.rows.filter(({ check }) => bucketRows.has(check)).map((row) => unnamed(row, vault.bucket)));
    locks ||= inspected.locks;
  }
  const archive = await reader.newest("monthly");
  if (archive.manifest !== undefined) {
    const vault = await reader.vault();
    rows.push(unnamed(await checkLifecycle(policy, vault), vault.bucket));
  }
  const { keys = [] } = await reader.standing();
  const renew = "Start the workflow backup by its button, which renews the locks; else see runbooks/vault-meddled.md.";
  const troubles = [
    ...rows.flatMap((row) => troubleOf(row, policy.vault.objectLock)),
    ...alarmTroubles(keys, renew),
    ...alarmTroubles(await alarmsOfRepairs(context, reader), "See runbooks/vault-meddled.md."),
    ...(locks ? await unlocked(policy.tiers, reader) : []),
  ];
  const means =
    "Somebody with stolen credentials could delete or replace backups, or archives cost more than they should.";
  return judgeTroubles(troubles, "Buckets, newest sets and their keys are locked as the policy asks.", means);
}

async function alarmsOfRepairs(context: Look["context"], reader: VaultReader): Promise<string[]> {
  return repairAlarms(await readRepairs(await reader.vault(), await peopleVerifier(context.config())));
}

/** The page is for everybody to read, and names no bucket. */
function unnamed({ found, next, ...row }: CheckRow, bucket: string): CheckRow {
  const without = (text: string): string => text.replaceAll(bucket, "BUCKET");
  return { ...row, found: without(found), next: next && without(next) };
}

function troubleOf({ check, status, found, next }: CheckRow, objectLock: Policy["vault"]["objectLock"]): Trouble[] {
  // A store of one's own names no region, for as long as it is used, and a policy may do without locks: the preflight says so.
  const accepted = check === "region" || (check === "object lock" && objectLock !== "required");
  if (status === "ok" || (status === "warn" && accepted)) return [];
  const state = status === "fail" ? "critical" : "warning";
  return [{ state, found: `${check}: ${found}`, next: next ?? "`lifeboat check` says more." }];
}

const day = 86_400_000;

/** The newest set of each tier that the store would let go earlier than policy and manifest say. */
async function unlocked(
  tiers: Readonly<Record<Tier, { readonly retentionDays: number; readonly lock: string }>>,
  reader: VaultReader,
): Promise<Trouble[]> {
  const troubles: Trouble[] = [];
  for (const tier of tierSchema.options) {
    const { manifest } = await reader.newest(tier);
    if (manifest === undefined || tiers[tier].lock === "none") continue;
    const head = await (await reader.vault()).head(setPrefix(tier, manifest.set) + manifestName);
    const days = Math.min(tiers[tier].retentionDays, manifest.policy?.terms[tier] ?? Number.POSITIVE_INFINITY);
    if (head === undefined || isLockedFor(manifest, days, head.retainUntil)) continue;
    troubles.push({
      state: "critical",
      found: `The newest ${tier} set ${manifest.set} is not locked for the ${days} days that the policy keeps it`,
      next: "See who changed the locks (CloudTrail, PutObjectRetention), then runbooks/vault-meddled.md.",
    });
  }
  return troubles;
}

function isLockedFor({ finishedAt }: Manifest, days: number, until: Date | undefined): boolean {
  return until !== undefined && until.getTime() >= Date.parse(finishedAt) + (days - 1) * day;
}

/** Objects that are counted in each bucket: a hundred requests. */
const mostListed = 100_000;

/** What has not been counted by then is left: the table waits for a check for 40 seconds, and a large vault is no fault. */
const mostMillis = 20_000;

async function sizeOf(vaults: readonly Vault[]): Promise<Finding> {
  const end = performance.now() + mostMillis;
  const counted = await Promise.all(
    vaults.map(async (vault) => {
      let [bytes, objects] = [0, 0];
      for await (const one of vault.list("")) {
        bytes += one.bytes;
        if (++objects === mostListed || performance.now() > end) return { bytes, objects, all: false };
      }
      return { bytes, objects, all: true };
    }),
  );
  const [bytes, objects] = [sum(counted.map((one) => one.bytes)), sum(counted.map((one) => one.objects))];
  const all = counted.every((one) => one.all);
  const more = all ? "" : " They hold more: not all was counted.";
  return {
    state: "ok",
    found: `The vault's buckets hold ${formatBytes(bytes)} in ${formatCount(objects)} objects.${more}`,
    ...(all && { measure: { value: bytes, limit: null, unit: "bytes" } }),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
