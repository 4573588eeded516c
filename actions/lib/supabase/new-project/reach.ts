import { z } from "zod";
import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { type ConnectionSettings, isLocal, parseConnectionUrl, regionOfPooler } from "../../config/connection-url.ts";
import { type Environment, isEncrypted, optional, type ProjectStorage } from "../../config/environment.ts";
import { Secret } from "../../config/problems.ts";
import { type ManagementApi, projectPath } from "../management-api.ts";

const addressSchema = z.object({
  database_type: z.string().optional(),
  db_host: z.string(),
  db_port: z.number().int(),
  db_name: z.string().optional(),
});

/**
 * How a project's database is reached: over the session pooler, as `postgres`. The API tells its address; where that is Supabase's own,
 * it has to be one of Supabase's poolers in the project's region, because everything that is restored goes there.
 *
 * @throws OperationError `pooler-unknown`; ConfigurationError as `parseConnectionUrl`; what the client throws
 */
export async function readDatabaseAddress(
  api: ManagementApi,
  project: { readonly ref: string; readonly region: string; readonly password: Secret },
  env: Environment,
): Promise<ConnectionSettings> {
  const answer = await api.get(
    projectPath(project.ref, "/config/database/pooler"),
    z.union([z.array(addressSchema), addressSchema.transform((one) => [one])]),
  );
  const found = answer.find(({ database_type: type }) => (type ?? "PRIMARY") === "PRIMARY");
  if (found === undefined || !/^[\w.-]+$/.test(found.db_host)) throw unknown(project.ref, "names no address");
  const { db_host: host, db_name: database = "postgres" } = found;
  // Transactions are pooled on 6543, sessions on 5432, by the same host (supabase.com/docs, Connect to your database).
  const port = found.db_port === 6543 ? 5432 : found.db_port;
  const user = encodeURIComponent(`postgres.${project.ref}`);
  const url = `postgresql://${user}:${encodeURIComponent(project.password.reveal())}@${host}:${port}/${encodeURIComponent(database)}`;
  const settings = parseConnectionUrl(url, optional(env, "TARGET_DATABASE_CA") ?? optional(env, "DATABASE_CA"));
  if (isLocal(host) && optional(env, "SUPABASE_API_URL") !== undefined) return settings;
  const region = regionOfPooler(settings);
  if (region !== undefined && region !== project.region)
    throw unknown(project.ref, `names one in ${region}, and the project is in ${project.region}`);
  if (region === undefined && optional(env, "SUPABASE_API_URL") === undefined)
    throw unknown(project.ref, "names one that is not Supabase's");
  return settings;
}

function unknown(ref: string, why: string): OperationError {
  return new OperationError(
    "pooler-unknown",
    `Where the database of project ${ref} is reached cannot be told: the Management API ${why}. Nothing was sent there.`,
    "Look at Connect, Session pooler, in the dashboard; restore into it by hand with `lifeboat restore`.",
  );
}

/** What a client of the project's API is given. Both are shown in the dashboard under API Keys. */
export interface ProjectKeys {
  readonly anon: Secret;
  readonly service: Secret;
}

const keysSchema = z.array(z.object({ name: z.string(), api_key: z.string().nullish(), type: z.string().nullish() }));

/**
 * What opens a project's API, of the new kind where it has that and of the legacy one otherwise.
 * @returns undefined where it shows neither
 * @throws what the client throws
 */
export async function readClientKeys(api: ManagementApi, ref: string): Promise<ClientKeys | undefined> {
  const keys = await api.get(projectPath(ref, "/api-keys?reveal=true"), keysSchema);
  const find = (type: string, legacy: string): string | undefined => {
    const own = keys.find((key) => key.type === type && /^sb_\w{20,}$/.test(key.api_key ?? ""));
    return (own ?? keys.find(({ name }) => name === legacy))?.api_key || undefined;
  };
  const [publishable, secret] = [find("publishable", "anon"), find("secret", "service_role")];
  return publishable === undefined || secret === undefined
    ? undefined
    : { publishable: new Secret(publishable), secret: new Secret(secret) };
}

/** The one is public; the other may do everything. */
export interface ClientKeys {
  readonly publishable: Secret;
  readonly secret: Secret;
}

/** @throws OperationError `api-keys-missing`; what the client throws */
export async function readProjectKeys(api: ManagementApi, ref: string): Promise<ProjectKeys> {
  const keys = await api.get(projectPath(ref, "/api-keys?reveal=true"), keysSchema);
  const [anon, service] = ["anon", "service_role"].map(
    (name) => keys.find((key) => key.name === name && typeof key.api_key === "string" && key.api_key !== "")?.api_key,
  );
  if (typeof anon === "string" && typeof service === "string")
    return { anon: new Secret(anon), service: new Secret(service) };
  throw new OperationError(
    "api-keys-missing",
    `Project ${ref} shows no legacy keys (anon, service_role), by which its files can be written without keys that only the dashboard makes.`,
    "Enable legacy API keys in the dashboard, or restore the files afterwards: make an S3 key there and run `lifeboat restore-files`.",
  );
}

/** Where a project's API is: SUPABASE_PROJECT_URL with `{ref}` in it, for self-hosting and tests. @throws ConfigurationError `project-url` */
export function projectUrl(ref: string, env: Environment): string {
  const form = optional(env, "SUPABASE_PROJECT_URL")?.trim() ?? "https://{ref}.supabase.co";
  const url = form.replaceAll("{ref}", ref).replace(/\/+$/, "");
  if (URL.canParse(url) && isEncrypted(url)) return url;
  throw new ConfigurationError(
    "project-url",
    "SUPABASE_PROJECT_URL is not an https address with {ref} in it.",
    "Set it like https://{ref}.supabase.co, or unset it.",
  );
}

/**
 * The project's Storage over S3 without an S3 key of its own, which only the dashboard makes: by a session token (supabase.com/docs, S3
 * authentication, Session token). It bypasses row level security as a key does.
 */
export function storageBySession(
  { ref, region }: { readonly ref: string; readonly region: string },
  { anon, service }: ProjectKeys,
  env: Environment,
): ProjectStorage {
  return {
    ...{ endpoint: `${projectUrl(ref, env)}/storage/v1/s3`, region, accessKeyId: ref },
    ...{ secretAccessKey: anon, sessionToken: service, prefix: "SUPABASE_PROJECT" },
  };
}
