import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import { realClock } from "../../base/flow/clock.ts";
import type { Log } from "../../base/log.ts";
import { formatBytes } from "../../base/measures.ts";
import { readManagementApi, refsOfDatabase } from "../../config/environment.ts";
import type { Config } from "../../config/load.ts";
import { type ManagementApi, openManagementApi } from "../../supabase/management-api.ts";
import { enlargeDisk } from "../../supabase/new-project/disk.ts";
import { diskFor, diskPrice, priceOfMade } from "../../supabase/new-project/plan.ts";
import { type ProjectRoom, readRoom } from "../../supabase/project.ts";

interface RoomQuestion {
  readonly config: Pick<Config<"target">, "env" | "policy" | "target">;
  /** Size of the database at the source. */
  readonly databaseBytes: bigint;
  /** Size of the target's database now. */
  readonly presentBytes: bigint;
  /** Only looks. */
  readonly dryRun: boolean;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

const GB = 1024 ** 3;

/**
 * Bytes that rows take while they come in: indexes are built beside their tables, and the write-ahead log holds what came last
 * (736 MB for a database of 574 MB, measured at a new project). Pure.
 */
export function spaceFor(bytes: number): number {
  return bytes * 1.3 + Math.min(bytes, 4 * GB);
}

/** The free plan sets a database of more to read-only (supabase.com/docs, Database size). */
export const freePlanBytes = 500 * 1024 * 1024;

/** A new project's disk has 2 GB and is not yet full with so much. */
const neverTold = GB;
/** Supabase enlarges a disk while it is in use. */
const mostMillis = 15 * 60_000;

/**
 * Looks before any row comes whether the target's disk has room for what is missing in it. Where the project's ref and a token are
 * known Supabase is asked, and a disk that is too small is enlarged: once, since it changes a disk once in about four hours.
 *
 * @returns what is to be said of it, if anything
 * @throws ConfigurationError `target-too-small`
 */
export async function makeRoomOnDisk(question: RoomQuestion): Promise<string | undefined> {
  const { config, databaseBytes, presentBytes, log } = question;
  const needed = spaceFor(Math.max(0, Number(databaseBytes - presentBytes)));
  const takes = `The rows take about ${formatBytes(needed)} of the target's disk while they come in`;
  const [ref] = refsOfDatabase(config.target);
  const settings = readManagementApi(config.env);
  const untold = `${takes}. Whether it has as much was not asked: look before you restore.`;
  if (ref === undefined || settings === undefined) return needed > neverTold ? untold : undefined;
  const patience = { attempts: 2, baseMillis: 500, capMillis: 2000 };
  const api = openManagementApi({ ...settings, signal: question.signal, patience });
  let room: ProjectRoom;
  try {
    room = await readRoom(api, ref);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    log.warn(`How much room the disk of project ${ref} has could not be asked: ${error.message}`);
    return needed > neverTold ? untold : undefined;
  }
  if (room.freePlan && Number(databaseBytes) > freePlanBytes) {
    throw tooSmall(
      `Project ${ref} is on the free plan, which allows ${formatBytes(freePlanBytes)}, and the database has ${formatBytes(Number(databaseBytes))}`,
      "Move the project to a paid plan, or restore into another.",
    );
  }
  if (room.availableBytes >= needed) return undefined;
  return `${takes}, and it had ${formatBytes(room.availableBytes)}: ${await enlarged(api, ref, { ...question, room, needed })}`;
}

async function enlarged(
  api: ManagementApi,
  ref: string,
  question: RoomQuestion & { readonly room: ProjectRoom; readonly needed: number },
): Promise<string> {
  const { room, needed, databaseBytes, dryRun, log, signal } = question;
  const total = Math.ceil((room.diskBytes - room.availableBytes + needed) / (0.9 * GB));
  const gigabytes = Math.max(diskFor(databaseBytes), total);
  await refuseOverBudget(api, ref, { ...question, gigabytes });
  if (dryRun) return `a restore asks Supabase for ${gigabytes} GB.`;
  log.info(`The disk of project ${ref} is too small: asking Supabase for ${gigabytes} GB.`);
  const limit = AbortSignal.timeout(mostMillis);
  const waiting = { clock: realClock, log, signal: signal === undefined ? limit : AbortSignal.any([signal, limit]) };
  try {
    return `Supabase has enlarged it to ${await enlargeDisk(api, ref, gigabytes, waiting)} GB.`;
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof LifeboatError) && !limit.aborted) throw error;
    const why = error instanceof LifeboatError ? error.message : "it was asked for and is not there yet.";
    throw tooSmall(
      `The disk of project ${ref} has room for ${formatBytes(room.availableBytes)}, and the rows take about ${formatBytes(needed)} while they come in. It could not be enlarged to ${gigabytes} GB: ${why.replace(/\.$/, "")}`,
      "Enlarge it in the dashboard (Database, Settings, Disk size), which Supabase allows once in about four hours; then run the same command again.",
    );
  }
}

/** A disk never shrinks again: what it costs is paid until the project goes. */
async function refuseOverBudget(
  api: ManagementApi,
  ref: string,
  { config, gigabytes, log }: RoomQuestion & { readonly gigabytes: number },
): Promise<void> {
  const most = config.policy.recovery.mostUsdPerMonth;
  const dollars = await priceOfMade(api, ref, { size: null, diskGigabytes: gigabytes }).catch((error: unknown) => {
    if (!(error instanceof LifeboatError)) throw error;
    return undefined;
  });
  const atLeast = dollars ?? diskPrice(gigabytes);
  if (dollars === undefined) log.warn(`What project ${ref} costs is not listed: only its disk's price is known.`);
  if (atLeast <= most) return;
  throw tooSmall(
    `Project ${ref} needs a disk of ${gigabytes} GB and would cost about $${atLeast.toFixed(2)} a month with it; the policy allows $${most.toFixed(2)} (recovery.mostUsdPerMonth)`,
    "Have recovery.mostUsdPerMonth raised by review, or enlarge the disk in the dashboard (Database, Settings, Disk size); then run the same command again.",
  );
}

function tooSmall(message: string, next: string): ConfigurationError {
  return new ConfigurationError("target-too-small", `${message}. No row has been loaded.`, next);
}
