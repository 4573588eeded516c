import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { LifeboatError, OperationError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { assertRegionAllowed } from "../config/vault-location.ts";
import { type ManagementApi, projectPath } from "./management-api.ts";

const projectSchema = z.object({
  status: z.string(),
  organization_id: z.string().optional(),
  region: z.string().optional(),
});
const organizationSchema = z.object({ plan: z.string().optional() });
const diskSchema = z.object({
  metrics: z.object({ fs_size_bytes: z.number(), fs_avail_bytes: z.number(), fs_used_bytes: z.number() }),
});

/**
 * Refuses a project in a region that the policy does not allow, before data is sent to it: also one that is yet to be made, by its
 * region's name (`assertRegionAllowed`).
 * @returns its region; undefined where the API does not tell
 * @throws ConfigurationError `region-refused`; what the client throws
 */
export async function assertProjectAllowed(
  api: ManagementApi,
  ref: string,
  regions: readonly string[],
): Promise<string | undefined> {
  const { region } = await api.get(projectPath(ref), projectSchema);
  if (region !== undefined) assertRegionAllowed(region, regions, `Project ${ref}`);
  return region;
}

const healthy = "ACTIVE_HEALTHY";
/** States out of which nothing comes by waiting. */
const lost = new Set(["INIT_FAILED", "PAUSE_FAILED", "REMOVED", "RESTORE_FAILED"]);

interface WakeOptions {
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
  /** Between two looks; default 10 seconds. */
  readonly pollSeconds?: number;
  /** Longest wait; default 20 minutes. */
  readonly patienceSeconds?: number;
}

/**
 * Wakes a project that was paused (the free plan pauses what nobody has used for a week) and waits until it is healthy.
 * @returns whether it had to be woken
 * @throws OperationError `project-unhealthy`; what the client throws
 */
export async function wakeProject(api: ManagementApi, ref: string, options: WakeOptions): Promise<boolean> {
  const { log, signal, pollSeconds = 10, patienceSeconds = 1200 } = options;
  const until = Date.now() + patienceSeconds * 1000;
  let woken = false;
  for (;;) {
    const { status } = await api.get(projectPath(ref), projectSchema);
    if (status === healthy) return woken;
    if (status === "INACTIVE" && !woken) {
      log.info(`Project ${ref} is paused: waking it.`);
      // Where it cannot be told whether that was done, the next look shows it.
      woken = await api.send("POST", projectPath(ref, "/restore")).then(
        () => true,
        (error: unknown) => {
          if (error instanceof LifeboatError && error.code === "api-unsure") return false;
          throw error;
        },
      );
    }
    if (lost.has(status) || Date.now() >= until) {
      throw new OperationError(
        "project-unhealthy",
        `Project ${ref} is ${status}, and no healthy one has come of it.`,
        "Look at it in the dashboard; a project that was paused for more than 90 days cannot be woken.",
      );
    }
    log.debug(`Project ${ref} is ${status}.`);
    await sleep(pollSeconds * 1000, undefined, signal === undefined ? {} : { signal });
  }
}

/** Room of a project. `freePlan`: the database may not grow beyond what the plan allows, whatever the disk has. */
export interface ProjectRoom {
  readonly availableBytes: number;
  readonly diskBytes: number;
  readonly freePlan: boolean;
}

export async function readRoom(api: ManagementApi, ref: string): Promise<ProjectRoom> {
  const { metrics } = await api.get(projectPath(ref, "/config/disk/util"), diskSchema);
  const { organization_id: organization } = await api.get(projectPath(ref), projectSchema);
  const plan =
    organization === undefined
      ? undefined
      : (await api.get(`/v1/organizations/${encodeURIComponent(organization)}`, organizationSchema)).plan;
  return { availableBytes: metrics.fs_avail_bytes, diskBytes: metrics.fs_size_bytes, freePlan: plan === "free" };
}

const authSchema = z.record(z.string(), z.unknown());

/**
 * Switches off what the auth server sends to the outside: its hooks, the mail server of the project's own (Supabase's
 * built-in one writes to the organisation's members only) and text messages; then asks whether it is so.
 *
 * @returns names of the settings that were changed
 * @throws OperationError `outbound-on` when the settings did not stay
 */
export async function quietAuth(api: ManagementApi, ref: string): Promise<string[]> {
  const path = projectPath(ref, "/config/auth");
  const change = loudSettings(await api.get(path, authSchema));
  const names = Object.keys(change).sort();
  if (names.length === 0) return [];
  await api.send("PATCH", path, change);
  const still = Object.keys(loudSettings(await api.get(path, authSchema)));
  if (still.length === 0) return names;
  throw new OperationError(
    "outbound-on",
    `The staging project's auth settings ${still.join(", ")} could not be switched off; no data was loaded.`,
    "Switch them off in the dashboard (Authentication), then run again.",
  );
}

/** Pure: what is on, with the value that switches it off. */
export function loudSettings(auth: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const loud: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(auth)) {
    if (/^hook_\w+_enabled$/.test(name) && value === true) loud[name] = false;
  }
  if (auth["external_phone_enabled"] === true) loud["external_phone_enabled"] = false;
  if (typeof auth["smtp_host"] === "string" && auth["smtp_host"] !== "") loud["smtp_host"] = null;
  return loud;
}
