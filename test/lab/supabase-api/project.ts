import { between, hexFrom } from "../random.ts";
import { newAuth } from "./auth-fields.ts";
import type { World } from "./world.ts";

/** Every status that the API has for a project. */
export const statuses = [
  ...["INACTIVE", "ACTIVE_HEALTHY", "ACTIVE_UNHEALTHY", "COMING_UP", "UNKNOWN", "GOING_DOWN", "INIT_FAILED"],
  ...["REMOVED", "RESTORING", "UPGRADING", "PAUSING", "RESTORE_FAILED", "RESTARTING", "PAUSE_FAILED", "RESIZING"],
] as const;

export type ServiceName =
  | ("auth" | "db" | "db_postgres_user" | "pooler")
  | ("realtime" | "rest" | "storage" | "pg_bouncer");

/** What a project is made of, and made with. */
export interface ProjectFacts {
  readonly ref: string;
  readonly name: string;
  /** Slug. */
  readonly organization: string;
  readonly region: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly password: string;
}

/** The database as far as it is only thought: when it began, and of which times it has rows. */
export interface DatabaseModel {
  /** Of the postmaster; undefined: it does not answer. */
  startedAt: number | undefined;
  timeline: number;
  password: string;
  /** The passwords that were good before, by when they began. */
  readonly passwords: { readonly from: number; readonly password: string }[];
  /** The right password is refused until then, as after a restore. */
  refusedUntil: number;
  /** A row was written at every moment in these, and is there. `to` undefined: still is. */
  written: { readonly from: number; readonly to: number | undefined }[];
  /** Failed logins, for the pooler's breaker. */
  readonly failures: number[];
}

export interface Deployed {
  readonly id: string;
  slug: string;
  name: string;
  version: number;
  verifyJwt: boolean;
  entrypoint: string;
  importMap: string | undefined;
  createdAt: number;
  updatedAt: number;
  /** The bundle, or a form of its files as it was sent. */
  body: Uint8Array;
  type: string;
}

export interface SigningKey {
  readonly id: string;
  readonly algorithm: "EdDSA" | "ES256" | "RS256" | "HS256";
  status: "in_use" | "previously_used" | "revoked" | "standby";
  readonly publicJwk: unknown;
  readonly createdAt: number;
  updatedAt: number;
  /** What was imported; undefined for a key of Supabase's own. No answer tells it. */
  readonly privateJwk: unknown;
}

export interface Project extends ProjectFacts {
  readonly id: number;
  status: string;
  /** What happens when, next first. */
  readonly due: { readonly at: number; does(at: number): void | Promise<void> }[];
  /** Something of it is on its way just now. */
  happening: boolean;
  readonly database: DatabaseModel;
  /** Storage knows the project from then on, and says SlowDown until then. */
  storage: { tenantAt: number; slowUntil: number };
  /** Services that do not answer, until when. */
  readonly down: Map<ServiceName, number>;
  disk: { sizeGb: number; iops: number; usedBytes: number; modifiedAt: number | undefined; overrideUntil: number };
  /** How the disk grows by itself; null: what the API does not tell. */
  autoscale: { growth_percent: number | null; min_increment_gb: number | null; max_size_gb: number | null };
  /** What its metrics measure, in bytes. */
  usage: { databaseBytes: number; storageBytes: number };
  addons: { compute: string; pitr: string | undefined; others: string[]; busyUntil: number };
  /** Where in the two minutes WAL is archived. */
  readonly walPhase: number;
  /** No WAL is archived any more since then, whatever is written. */
  walStuckAt: number | undefined;
  backups: { id: number; at: number; status: string }[];
  scheduleChanges: number[];
  schedule: string;
  auth: Record<string, unknown>;
  postgrest: Record<string, unknown>;
  realtime: Record<string, unknown>;
  storageConfig: Record<string, unknown>;
  pooler: { default_pool_size: number | null; pool_mode: string };
  postgres: Record<string, unknown>;
  network: { v4: string[]; v6: string[] };
  sslEnforced: boolean;
  rootKey: string;
  secrets: Map<string, { value: string; updatedAt: number }>;
  functions: Map<string, Deployed>;
  signingKeys: SigningKey[];
  thirdPartyAuth: Record<string, unknown>[];
  jwtSecret: string;
  /** Of the new kind, as they are shown once. */
  keys: { publishable: string; secret: string };
  loginRole: { role: string; password: string; until: number } | undefined;
}

const GiB = 1024 ** 3;
export const sizeOfDisk = (project: Project): number => project.disk.sizeGb * GiB;

/** As Supabase makes one: coming up, 2 GB of disk, its settings those of everybody. */
export function newProject(world: World, facts: ProjectFacts): Project {
  const { random } = world;
  const hex = (length: number): string => hexFrom(random, length);
  const algorithm = "ES256";
  return {
    ...facts,
    ...{ id: Math.floor(between(random, 1e6, 9e6)), status: "COMING_UP", due: [], happening: false, down: new Map() },
    database: {
      ...{ startedAt: undefined, timeline: 1, password: facts.password, refusedUntil: 0, written: [], failures: [] },
      passwords: [{ from: facts.createdAt, password: facts.password }],
    },
    storage: { tenantAt: Number.POSITIVE_INFINITY, slowUntil: Number.POSITIVE_INFINITY },
    disk: { sizeGb: 2, iops: 3000, usedBytes: 300 * 1024 ** 2, modifiedAt: undefined, overrideUntil: 0 },
    autoscale: { growth_percent: 50, min_increment_gb: 4, max_size_gb: 60_000 },
    usage: { databaseBytes: 40 * 1024 ** 2, storageBytes: 200 * 1024 ** 2 },
    addons: { compute: "ci_micro", pitr: undefined, others: [], busyUntil: 0 },
    ...{ walPhase: random(), walStuckAt: undefined, backups: [], scheduleChanges: [], schedule: "02:00" },
    auth: newAuth(),
    postgrest: {
      db_schema: "public,graphql_public",
      max_rows: 1000,
      db_extra_search_path: "public, extensions",
      db_pool: null,
    },
    realtime: {
      ...{ private_only: false, connection_pool: 5, max_concurrent_users: 500, max_events_per_second: 500 },
      ...{ max_bytes_per_second: 100_000, max_channels_per_client: 100, max_joins_per_second: 100, suspend: false },
      ...{ max_presence_events_per_second: 100, max_payload_size_in_kb: 3000, presence_enabled: true },
    },
    storageConfig: {
      fileSizeLimit: 52_428_800,
      features: {
        ...{ imageTransformation: { enabled: true }, s3Protocol: { enabled: true } },
        icebergCatalog: { enabled: false, maxNamespaces: 10, maxTables: 10, maxCatalogs: 2 },
        vectorBuckets: { enabled: false, maxBuckets: 10, maxIndexes: 5 },
      },
      ...{ capabilities: { list_v2: true, iceberg_catalog: false }, external: { upstreamTarget: "main" } },
      ...{ migrationVersion: "operation-ergonomics", databasePoolMode: "transaction" },
    },
    pooler: { default_pool_size: null, pool_mode: "transaction" },
    postgres: {},
    network: { v4: ["0.0.0.0/0"], v6: ["::/0"] },
    ...{ sslEnforced: false, rootKey: hex(64), secrets: new Map(), functions: new Map(), thirdPartyAuth: [] },
    signingKeys: [
      {
        ...{ id: `key-${hex(8)}`, algorithm, status: "in_use", createdAt: facts.createdAt, updatedAt: facts.createdAt },
        ...{ publicJwk: { kty: "EC", crv: "P-256", x: hex(43), y: hex(43), alg: algorithm }, privateJwk: undefined },
      },
    ],
    jwtSecret: `super-secret-jwt-token-${hex(40)}`,
    keys: { publishable: `sb_publishable_${hex(31)}`, secret: `sb_secret_${hex(31)}` },
    loginRole: undefined,
  };
}
