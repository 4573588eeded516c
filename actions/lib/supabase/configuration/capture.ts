import { createHash } from "node:crypto";
import { z } from "zod";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import { ApiRefusal } from "../api-refusal.ts";
import { type ManagementApi, projectPath } from "../management-api.ts";
import {
  type CapturedField,
  type CapturedFunction,
  type Configuration,
  captured,
  type SectionName,
} from "./document.ts";

type Entry = readonly [name: string, value: unknown];
/** What is in an answer, by setting. @throws OperationError, ZodError where it has not the form that is known */
type Entries = (answer: unknown) => readonly Entry[];

/** Own members of an object as it came: a copy would lose what has a strange name. */
const members: Entries = (answer) => {
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) throw unknownForm();
  return Object.entries(answer);
};
const member = (answer: unknown, name: string): unknown => new Map(members(answer)).get(name);
const inside =
  (name: string): Entries =>
  (answer) =>
    members(member(answer, name));
/** Things in a list, each by the member that names it. */
const listed =
  (by: string): Entries =>
  (answer) =>
    z
      .array(z.unknown())
      .parse(answer)
      .map((one) => [z.string().parse(member(one, by)), one]);

const addons = z.object({
  selected_addons: z.array(z.object({ type: z.string(), variant: z.object({ id: z.string() }) })),
});
const entitlements = z.object({
  entitlements: z.array(z.object({ feature: z.object({ key: z.string() }), config: z.unknown() })),
});

interface Part {
  /** Below the project's own path; `@organization` is its organisation. */
  readonly path: string;
  readonly entries: Entries;
  /** Most projects have none of it, and the API then refuses to tell: that is no gap. */
  readonly seldom?: boolean;
}

/** Parts that are settings, each by a request of its own. */
export type SettingSection = Exclude<SectionName, "secrets" | "functions" | "vault">;

const parts: Readonly<Record<SettingSection, Part>> = {
  project: { path: "", entries: members },
  auth: { path: "/config/auth", entries: members },
  postgrest: { path: "/postgrest", entries: members },
  pooler: {
    path: "/config/database/pooler",
    entries(answer) {
      const all = z.array(z.unknown()).min(1).parse(answer);
      return members(all.find((one) => member(one, "database_type") === "PRIMARY") ?? all[0]);
    },
  },
  storage: { path: "/config/storage", entries: members },
  realtime: { path: "/config/realtime", entries: members },
  postgres: { path: "/config/database/postgres", entries: members },
  network: { path: "/network-restrictions", entries: inside("config") },
  ssl: { path: "/ssl-enforcement", entries: inside("currentConfig") },
  disk: { path: "/config/disk", entries: inside("attributes") },
  autoscale: { path: "/config/disk/autoscale", entries: members },
  addons: {
    path: "/billing/addons",
    entries: (answer) => addons.parse(answer).selected_addons.map(({ type, variant }) => [type, variant.id]),
  },
  domain: { path: "/custom-hostname", entries: members, seldom: true },
  "sign-in-providers": { path: "/config/auth/third-party-auth", entries: listed("id"), seldom: true },
  "signing-keys": {
    path: "/config/auth/signing-keys",
    entries: (answer) => listed("id")(member(answer, "keys")),
  },
  entitlements: {
    path: "@organization/entitlements",
    entries: (answer) =>
      entitlements.parse(answer).entitlements.map(({ feature, config }) => [feature.key, config ?? null]),
  },
};

const rootKeySchema = z.object({ root_key: z.string().min(1).max(4096) });
const secretsSchema = z.array(z.object({ name: z.string(), value: z.string() }));
const text = z.string().max(2048).nullish();
const functionsSchema = z
  .array(
    z.object({
      slug: z.string(),
      name: z.string().nullish(),
      verify_jwt: z.boolean().nullish(),
      import_map: z.boolean().nullish(),
      entrypoint_path: text,
      import_map_path: text,
      ezbr_sha256: z.string().nullish(),
    }),
  )
  .max(2000);
const organizationSchema = z.object({
  organization_slug: z.string().optional(),
  organization_id: z.string().optional(),
});

export interface Capture {
  readonly api: ManagementApi;
  readonly ref: string;
  readonly readAt: Date;
  /** Stores the body of a function and gives the artifact's name. Not given: bodies are not wanted. */
  readonly keepBody?: ((slug: string, body: Uint8Array) => Promise<string>) | undefined;
  /** Stores the root key of Vault. Not given: it is not asked for. */
  readonly keepRootKey?: ((key: string) => Promise<void>) | undefined;
  /** Ends the capture for good: thrown. What the API does never is. */
  readonly signal: AbortSignal;
  /** Ends the asking: what has not been asked by then is missing. */
  readonly patience?: AbortSignal;
}

/** A project has 400 settings; an answer with more than this is none. All parts together have to fit into the set's document. */
const mostEntries = 1000;
/** So many parts without an answer, one after the other: the others are not waited for. */
const mostSilent = 2;

/**
 * Reads a project's configuration, a part at a time. A part that cannot be read is missing, with the reason, and the others are
 * read all the same. Of secrets there are hashes at most, whatever the API answers.
 * @throws the signal's reason, and what `keepBody` and `keepRootKey` throw
 */
export async function captureConfiguration(capture: Capture): Promise<Configuration> {
  const { ref, readAt } = capture;
  const place = projectPath(ref);
  const sections: Configuration["sections"] = [];
  const fields: CapturedField[] = [];
  const functions: CapturedFunction[] = [];
  let organization: string | undefined;
  let silent = 0;

  const part = async (section: SectionName, read: () => Promise<void>, seldom = false): Promise<void> => {
    const missing = silent >= mostSilent ? "not asked: the API gave no answer to what was asked before" : undefined;
    const why = missing ?? (await reasonAgainst(capture, read));
    const refused = why instanceof ApiRefusal && (why.status === 404 || why.status === 400);
    if (why instanceof LifeboatError && why.code === "api-unavailable") silent++;
    else if (missing === undefined) silent = 0;
    if (seldom && refused) sections.push({ section });
    else sections.push(why === undefined ? { section } : { section, missing: wordsOf(why) });
  };
  const asked = async (path: string): Promise<unknown> => capture.api.get(path, z.unknown());

  for (const [name, { path, entries, seldom }] of Object.entries(parts)) {
    const section = name as SettingSection;
    await part(
      section,
      async () => {
        const answer = await asked(pathOf(path, place, organization));
        if (section === "project") organization = organizationOf(answer);
        const all = entries(answer);
        if (all.length > mostEntries) throw unknownForm();
        fields.push(...all.map(([field, value]) => captured(section, field, value)));
      },
      seldom,
    );
  }
  await part("secrets", async () => {
    const found = secretsSchema.max(mostEntries).parse(await asked(`${place}/secrets`));
    // By a name that is a secret's: what comes is a digest, or is not kept.
    for (const { name, value } of found)
      fields.push({ ...captured("secrets", "secret", value), field: captured("secrets", name, null).field });
  });
  let deployed: z.output<typeof functionsSchema> = [];
  await part("functions", async () => {
    deployed = functionsSchema.parse(await asked(`${place}/functions`));
  });
  for (const one of deployed) {
    const known = functions.some(({ slug }) => slug === one.slug);
    if (/^[A-Za-z][A-Za-z0-9_-]{0,127}$/.test(one.slug) && !known)
      functions.push({ ...described(one), body: await bodyOf(capture, place, one.slug) });
    else fields.push({ ...captured("functions", one.slug, undefined), missing: "no function can have this name" });
  }
  const { keepRootKey } = capture;
  if (keepRootKey !== undefined) {
    let key: string | undefined;
    await part("vault", async () => {
      key = rootKeySchema.parse(await asked(`${place}/pgsodium`)).root_key;
    });
    if (key !== undefined) {
      await keepRootKey(key);
      fields.push({ section: "vault", field: "root_key", hashed: createHash("sha256").update(key).digest("hex") });
    }
  }
  return {
    ...{ format: "lifeboat-configuration/1", projectRef: ref, readAt: readAt.toISOString() },
    ...{ sections, fields, functions },
  };
}

/**
 * A part as it is now, by setting, and as the API tells it: for comparing alone.
 * @throws OperationError `api-answer` for an unknown form; what the client throws
 */
export async function readPart(
  api: ManagementApi,
  ref: string,
  section: SettingSection,
): Promise<ReadonlyMap<string, unknown>> {
  const place = projectPath(ref);
  const { path, entries } = parts[section];
  const organization = path.startsWith("@organization") ? organizationOf(await api.get(place, z.unknown())) : undefined;
  try {
    return new Map(entries(await api.get(pathOf(path, place, organization), z.unknown())));
  } catch (error) {
    throw error instanceof z.ZodError ? unknownForm() : error;
  }
}

function organizationOf(project: unknown): string | undefined {
  const { organization_slug, organization_id } = organizationSchema.parse(project);
  return organization_slug ?? organization_id;
}

function pathOf(path: string, place: string, organization: string | undefined): string {
  if (!path.startsWith("@organization")) return place + path;
  if (organization === undefined)
    throw new OperationError("api-answer", "the API did not tell the project's organisation");
  return `/v1/organizations/${encodeURIComponent(organization)}${path.slice("@organization".length)}`;
}

const unknownForm = (): OperationError => new OperationError("api-answer", "the API's answer has an unknown form");

/** Undefined when it worked. @throws the signal's reason */
async function reasonAgainst({ signal, patience }: Capture, work: () => Promise<void>): Promise<unknown> {
  try {
    if (patience?.aborted) return "not asked: there was no time left for it";
    await work();
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (patience?.aborted) return "no answer came in the time that there was";
    return error instanceof LifeboatError ? error : unknownForm();
  }
}

/** For the set, which others read too: no more of the API's own words than its permissions' names. */
function wordsOf(why: unknown): string {
  if (typeof why === "string") return why;
  if (why instanceof ApiRefusal) {
    const { missingPermissions: lacks, status } = why;
    if (lacks.length > 0) return `SUPABASE_ACCESS_TOKEN lacks ${lacks.join(", ")}`;
    if (status === 401) return "SUPABASE_ACCESS_TOKEN is not valid (any more)";
    return status === 403
      ? "SUPABASE_ACCESS_TOKEN lacks the right to read it"
      : `the API refused it (status ${status})`;
  }
  if (why instanceof LifeboatError && why.code === "api-unavailable") return "the API gave no answer";
  return unknownForm().message;
}

function described(one: z.output<typeof functionsSchema>[number]): Omit<CapturedFunction, "body"> {
  const { slug, name, verify_jwt, import_map, entrypoint_path, import_map_path, ezbr_sha256: hash } = one;
  return {
    ...{ slug, name: (name ?? slug).slice(0, 512), verifyJwt: verify_jwt ?? true, importMap: import_map ?? false },
    ...{ entrypointPath: entrypoint_path ?? null, importMapPath: import_map_path ?? null },
    bundleSha256: hash != null && /^[0-9a-f]{64}$/.test(hash) ? hash : null,
  };
}

async function bodyOf(capture: Capture, place: string, slug: string): Promise<CapturedFunction["body"]> {
  const { keepBody, api } = capture;
  if (keepBody === undefined) return { missing: "the policy leaves the bodies of functions out" };
  let answer: Awaited<ReturnType<ManagementApi["bytes"]>> | undefined;
  const why = await reasonAgainst(capture, async () => {
    answer = await api.bytes(`${place}/functions/${slug}/body`);
  });
  if (answer === undefined) return { missing: wordsOf(why) };
  const { body, type } = answer;
  const sha256 = createHash("sha256").update(body).digest("hex");
  return { artifact: await keepBody(slug, body), bytes: body.length, sha256, type: type.slice(0, 300) };
}
