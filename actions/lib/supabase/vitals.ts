import { z } from "zod";
import { OperationError } from "../base/errors.ts";
import { type ManagementApi, projectPath } from "./management-api.ts";

/** How a project is, read-only, each by one request. Everything throws what the client throws. */

const word = z.string().max(60);

const projectSchema = z.object({
  status: word,
  created_at: z.iso.datetime({ offset: true }).optional().catch(undefined),
  organization_slug: z.string().max(200).optional(),
  organization_id: z.string().max(200).optional(),
});

export interface ProjectVitals {
  /** Supabase's word, e.g. `ACTIVE_HEALTHY`. */
  readonly status: string;
  /** Milliseconds since 1970; undefined where the API does not tell. */
  readonly createdAt: number | undefined;
  /** Slug; undefined where the API does not tell. */
  readonly organization: string | undefined;
}

export async function readProject(api: ManagementApi, ref: string): Promise<ProjectVitals> {
  const { status, created_at, organization_slug, organization_id } = await api.get(projectPath(ref), projectSchema);
  return {
    status,
    createdAt: created_at === undefined ? undefined : Date.parse(created_at),
    organization: organization_slug ?? organization_id,
  };
}

/** The services that a backup and a restore go through, first those without which there is none. */
const services = ["db", "pooler", "storage", "auth", "rest", "realtime"] as const;
export type ServiceName = (typeof services)[number];
export interface Service {
  readonly name: ServiceName;
  readonly state: "healthy" | "coming-up" | "unhealthy";
}

const healthSchema = z
  .array(z.object({ name: word, healthy: z.boolean().optional(), status: word.optional() }))
  .max(50);

/** Those of the services that the API tells of. */
export async function readServices(api: ManagementApi, ref: string): Promise<Service[]> {
  const path = projectPath(ref, `/health?services=${services.join(",")}&timeout_ms=5000`);
  const answer = await api.get(path, healthSchema);
  return services.flatMap((name) => {
    const told = answer.find((one) => one.name === name);
    if (told === undefined) return [];
    const healthy = told.healthy ?? told.status === "ACTIVE_HEALTHY";
    return [{ name, state: healthy ? "healthy" : told.status === "COMING_UP" ? "coming-up" : "unhealthy" }];
  });
}

const readOnlySchema = z.object({
  enabled: z.boolean(),
  override_enabled: z.boolean().nullish(),
  override_active_until: z.string().max(40).nullish(),
});

export interface ReadOnlyMode {
  readonly enabled: boolean;
  /** Somebody has lifted it for a quarter of an hour, until then (milliseconds since 1970). */
  readonly liftedUntil: number | undefined;
}

export async function readReadOnly(api: ManagementApi, ref: string): Promise<ReadOnlyMode> {
  const answer = await api.get(projectPath(ref, "/readonly"), readOnlySchema);
  const until = Date.parse(answer.override_active_until ?? "");
  return {
    enabled: answer.enabled,
    liftedUntil: answer.override_enabled === true && Number.isFinite(until) ? until : undefined,
  };
}

const size = z.number().nonnegative();
const utilSchema = z.object({ metrics: z.object({ fs_size_bytes: z.number().positive(), fs_used_bytes: size }) });

/** Bytes of the database's disk. */
export interface DiskUse {
  readonly sizeBytes: number;
  readonly usedBytes: number;
}

export async function readDiskUse(api: ManagementApi, ref: string): Promise<DiskUse> {
  const { metrics } = await api.get(projectPath(ref, "/config/disk/util"), utilSchema);
  return { sizeBytes: metrics.fs_size_bytes, usedBytes: metrics.fs_used_bytes };
}

const autoscaleSchema = z.object({ max_size_gb: size.nullable() });
const GiB = 1024 ** 3;

/** Bytes that the disk grows to by itself; null: up to Supabase's own default, which the API does not tell. */
export async function readDiskAutoscale(api: ManagementApi, ref: string): Promise<number | null> {
  const { max_size_gb: most } = await api.get(projectPath(ref, "/config/disk/autoscale"), autoscaleSchema);
  return most === null ? null : most * GiB;
}

const organizationSchema = z.object({ plan: word.optional() });

/** The organisation's plan: `free`, `pro`, `team`, `enterprise`, or a word that is new. */
export async function readPlan(api: ManagementApi, organization: string): Promise<string> {
  const path = `/v1/organizations/${encodeURIComponent(organization)}`;
  const { plan } = await api.get(path, organizationSchema);
  if (plan !== undefined) return plan;
  throw new OperationError(
    "plan-unknown",
    "Supabase's Management API does not tell the organisation's plan.",
    "Look at the organisation's billing page in the dashboard.",
  );
}

const entitlementsSchema = z.object({
  entitlements: z
    .array(
      z.object({
        feature: z.object({ key: z.string().max(200) }),
        config: z
          .object({ enabled: z.boolean(), value: z.number(), unlimited: z.boolean() })
          .partial()
          .optional()
          .catch(undefined),
      }),
    )
    .max(1000),
});

/** Days that the plan keeps daily backups (`backup.retention_days`); undefined where the API does not tell. */
export async function readBackupDays(api: ManagementApi, organization: string): Promise<number | undefined> {
  const path = `/v1/organizations/${encodeURIComponent(organization)}/entitlements`;
  const { entitlements } = await api.get(path, entitlementsSchema);
  const config = entitlements.find(({ feature }) => feature.key === "backup.retention_days")?.config;
  if (config === undefined || config.unlimited === true) return undefined;
  return config.enabled === false ? 0 : config.value;
}

const addonsSchema = z.object({
  selected_addons: z.array(z.object({ type: word, variant: z.object({ id: word }) })).max(100),
});

/** Days of the point-in-time-recovery add-on that is bought; null: none is. */
export async function readPitrDays(api: ManagementApi, ref: string): Promise<number | null> {
  const { selected_addons } = await api.get(projectPath(ref, "/billing/addons"), addonsSchema);
  const variant = selected_addons.find(({ type }) => type === "pitr")?.variant.id;
  const days = /^pitr_(\d{1,4})$/.exec(variant ?? "")?.[1];
  return days === undefined ? null : Number(days);
}
