import { z } from "zod";
import { authFields, readOnlyAuth, shownAuth } from "../auth-fields.ts";
import type { Project } from "../project.ts";
import { empty, ofProject, ok, type Route, refuse } from "../request.ts";
import { newId } from "../world.ts";
import { accept } from "./body.ts";

/** What can be set in a project and is answered as it is. */

const authBody = z.record(z.string(), z.unknown()).superRefine((body, context) => {
  for (const [name, value] of Object.entries(body)) {
    const type = authFields.get(name);
    if (type === undefined || value === null || typeof value === type) continue;
    context.addIssue({ code: "custom", path: [name], message: `Expected ${type}, received ${typeof value}` });
  }
});
const postgrestBody = z.object({
  db_extra_search_path: z.string().optional(),
  db_schema: z.string().optional(),
  max_rows: z.int().min(0).max(1_000_000).optional(),
  db_pool: z.int().nullish(),
});
const realtimeNumbers = [
  ...["connection_pool", "max_concurrent_users", "max_events_per_second", "max_bytes_per_second"],
  ...["max_channels_per_client", "max_joins_per_second", "max_presence_events_per_second", "max_payload_size_in_kb"],
];
const realtimeBody = z.partialRecord(
  z.enum(["private_only", "suspend", "presence_enabled", ...realtimeNumbers]),
  z.union([z.boolean(), z.int()]),
);
const storageBody = z.object({
  fileSizeLimit: z.int().min(0).max(536_870_912_000).optional(),
  features: z
    .partialRecord(
      z.enum(["imageTransformation", "s3Protocol", "icebergCatalog", "vectorBuckets"]),
      z.looseObject({ enabled: z.boolean() }),
    )
    .optional(),
  external: z.object({ upstreamTarget: z.enum(["main", "canary"]) }).optional(),
});
const poolerBody = z.object({
  default_pool_size: z.int().min(0).max(3000).nullish(),
  pool_mode: z.enum(["transaction", "session"]).optional(),
});

export const settingRoutes: readonly Route[] = [
  ofProject("GET", "/config/auth", "auth_config_read", ({ project }) => ok(shownAuth(project.auth))),
  ofProject("PATCH", "/config/auth", "auth_config_write", (call) =>
    accept(call, authBody, (body) => {
      // Names that it does not know (`jwt_secret`) and those that it only tells: 200, and nothing happens.
      for (const [name, value] of Object.entries(body))
        if (authFields.has(name) && !readOnlyAuth.has(name)) call.project.auth[name] = value;
      return ok(shownAuth(call.project.auth));
    }),
  ),
  ofProject("GET", "/config/auth/third-party-auth", "auth_config_read", ({ project }) => ok(project.thirdPartyAuth)),
  ofProject("POST", "/config/auth/third-party-auth", "auth_config_write", ({ project, body, now }) => {
    const given = typeof body === "object" && body !== null ? body : {};
    const at = new Date(now).toISOString();
    // Nothing ever comes of `custom_jwks`: `resolved_jwks` stays empty.
    const one = { id: newId(), type: "custom", ...given, resolved_jwks: null, inserted_at: at, updated_at: at };
    project.thirdPartyAuth.push(one);
    return ok(one, 201);
  }),
  ofProject("GET", "/config/auth/sso/providers", "auth_config_read", ({ project }) =>
    project.auth["saml_enabled"] === true
      ? ok({ items: [] })
      : refuse(404, "SAML 2.0 support is not enabled for this project"),
  ),
  ofProject("GET", "/postgrest", "data_api_config_read", ({ project }) =>
    ok({ ...project.postgrest, jwt_secret: project.jwtSecret }),
  ),
  ofProject("PATCH", "/postgrest", "data_api_config_write", (call) =>
    accept(call, postgrestBody, (body) => ok(Object.assign(call.project.postgrest, body))),
  ),
  ofProject("GET", "/config/realtime", "realtime_config_read", ({ project }) => ok(project.realtime)),
  ofProject("PATCH", "/config/realtime", "realtime_config_write", (call) =>
    accept(call, realtimeBody, (body) => {
      Object.assign(call.project.realtime, body);
      return empty(204);
    }),
  ),
  ofProject("POST", "/config/realtime/shutdown", "realtime_config_write", () => empty(204)),
  ofProject("GET", "/config/storage", "storage_config_read", ({ project }) => ok(project.storageConfig)),
  ofProject("PATCH", "/config/storage", "storage_config_write", (call) =>
    accept(call, storageBody, ({ features, ...body }) => {
      const now = call.project.storageConfig;
      Object.assign(now, body);
      if (features !== undefined) now["features"] = { ...(now["features"] as object), ...features };
      return empty(200);
    }),
  ),
  ofProject("GET", "/config/database/pooler", "database_pooling_config_read", async ({ world, project }) => {
    const { host, port, database } = (await world.backing?.address(project)) ?? addressOf(project);
    const user = `postgres.${project.ref}`;
    const text = `postgresql://${user}:[YOUR-PASSWORD]@${host}:${port}/${database}`;
    return ok([
      {
        ...{ identifier: project.ref, database_type: "PRIMARY", is_using_scram_auth: true, db_user: user },
        ...{ db_host: host, db_port: port, db_name: database, connection_string: text, connectionString: text },
        ...{ ...project.pooler, max_client_conn: null },
      },
    ]);
  }),
  ofProject("PATCH", "/config/database/pooler", "database_pooling_config_write", (call) =>
    accept(call, poolerBody, (body) => ok(Object.assign(call.project.pooler, body))),
  ),
  ofProject("GET", "/config/database/postgres", "database_config_read", ({ project }) => ok(project.postgres)),
  ofProject("PUT", "/config/database/postgres", "database_config_write", (call) =>
    accept(
      call,
      z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
      ({ restart_database, ...body }) => {
        if (restart_database === true) call.project.database.startedAt = call.now;
        return ok(Object.assign(call.project.postgres, body));
      },
    ),
  ),
  ofProject("GET", "/pgsodium", "project_admin_write", async ({ world, project }) =>
    ok({ root_key: (await world.backing?.rootKey(project)) ?? project.rootKey }),
  ),
  ofProject("PUT", "/pgsodium", "project_admin_write", (call) =>
    accept(call, z.object({ root_key: z.string().regex(/^[0-9a-f]{64}$/i) }), async ({ root_key }) => {
      call.project.rootKey = root_key;
      await call.world.backing?.setRootKey(call.project, root_key);
      return ok({ root_key });
    }),
  ),
  ofProject("GET", "/ssl-enforcement", "database_ssl_config_read", ({ project }) => ok(sslOf(project))),
  ofProject("PUT", "/ssl-enforcement", "database_ssl_config_write", (call) =>
    accept(call, z.object({ requestedConfig: z.object({ database: z.boolean() }) }), ({ requestedConfig }) => {
      call.project.sslEnforced = requestedConfig.database;
      return ok(sslOf(call.project));
    }),
  ),
  ofProject("GET", "/network-restrictions", "database_network_restrictions_read", ({ project }) =>
    ok(networkOf(project)),
  ),
  ofProject("POST", "/network-restrictions/apply", "database_network_restrictions_write", (call) =>
    accept(call, cidrs, ({ dbAllowedCidrs = [], dbAllowedCidrsV6 = [] }) => {
      const { config: old_config } = networkOf(call.project);
      call.project.network = { v4: dbAllowedCidrs, v6: dbAllowedCidrsV6 };
      return ok({ ...networkOf(call.project), old_config }, 201);
    }),
  ),
];

const cidrs = z.object({
  dbAllowedCidrs: z.array(z.cidrv4()).optional(),
  dbAllowedCidrsV6: z.array(z.cidrv6()).optional(),
});

const sslOf = ({ sslEnforced }: Project) => ({ currentConfig: { database: sslEnforced }, appliedSuccessfully: true });
const networkOf = ({ network: { v4, v6 } }: Project) => ({
  ...{ entitlement: "allowed", status: "applied", config: { dbAllowedCidrs: v4, dbAllowedCidrsV6: v6 } },
});

/** By which region's pooler a project that is only thought would be reached: nobody is there. */
const addressOf = ({ region }: Project) => ({
  host: `aws-0-${region}.pooler.supabase.com`,
  port: 6543,
  database: "postgres",
});
