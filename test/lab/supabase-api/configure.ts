import { authFields } from "./auth-fields.ts";
import type { Project } from "./project.ts";
import { addFunction } from "./routes/functions.ts";

/** Bundles as they lie at Supabase: the first has its form already, the second is compressed when it is deployed. */
export const bundles = {
  grade: Buffer.from("EZBR the bundle of grade"),
  mail: Buffer.from("ESZIP2 the bundle of mail"),
};

/** Values that the API never shows again. */
export const ownerSecrets: Readonly<Record<string, string>> = {
  STRIPE_KEY: "a stripe key that nobody may see",
  OPENAI_KEY: "an openai key that nobody may see",
};

/** What the value of a secret setting of auth is in a project that was configured. */
export const authSecret = (field: string): string => `the value of ${field}`;

/**
 * Sets everything that the API can set to something else than a new project has: every field of auth, and one or more of every other part.
 * @param now milliseconds since 1970
 */
export function configure(project: Project, now: number): void {
  for (const [field, type] of authFields) {
    const before = project.auth[field];
    project.auth[field] = type === "boolean" ? before !== true : type === "number" ? 41 : authSecret(field);
  }
  Object.assign(project.auth, { sms_provider: "twilio", site_url: `https://${project.ref}.example` });
  Object.assign(project.postgrest, { db_schema: "public, api", max_rows: 500, db_pool: 20 });
  Object.assign(project.realtime, { private_only: true, max_concurrent_users: 900 });
  Object.assign(project.storageConfig, { fileSizeLimit: 104_857_600, migrationVersion: "older" });
  Object.assign(project.pooler, { default_pool_size: 30, pool_mode: "session" });
  Object.assign(project.postgres, { statement_timeout: "60s", max_slot_wal_keep_size: "2GB", shared_buffers: "2GB" });
  project.network = { v4: ["203.0.113.0/24"], v6: ["2001:db8::/32"] };
  project.sslEnforced = true;
  project.addons.compute = "ci_small";
  for (const [name, value] of Object.entries(ownerSecrets)) project.secrets.set(name, { value, updatedAt: now });
  project.secrets.set("SUPABASE_URL", { value: `https://${project.ref}.supabase.co`, updatedAt: now });
  const type = "application/vnd.denoland.eszip";
  addFunction(project, "grade", { name: "Grade", verifyJwt: false, body: bundles.grade, type }, now);
  addFunction(project, "mail", { name: "mail", verifyJwt: true, body: bundles.mail, type, importMap: "map.json" }, now);
  const at = new Date(now).toISOString();
  const times = { inserted_at: at, updated_at: at, resolved_jwks: null };
  project.thirdPartyAuth.push(
    { id: "issuer", type: "custom", oidc_issuer_url: "https://login.example", ...times },
    { id: "by-hand", type: "custom", custom_jwks: { keys: [] }, ...times },
  );
}
