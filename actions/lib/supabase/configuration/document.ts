import { z } from "zod";
import { countOf, few } from "../../base/measures.ts";

/** The parts of a project's configuration, by the names under which a set keeps them. */
const sectionNames = [
  "project",
  "auth",
  "postgrest",
  "pooler",
  "storage",
  "realtime",
  "postgres",
  "network",
  "ssl",
  "disk",
  "autoscale",
  "addons",
  "domain",
  "sign-in-providers",
  "signing-keys",
  "secrets",
  "functions",
  "entitlements",
  "vault",
] as const;
export type SectionName = (typeof sectionNames)[number];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const section = z.enum(sectionNames);
const field = z.string().min(1).max(256);
const why = z.string().min(1).max(500);

/** One setting: its value; or a hash of it, where the API tells no more; or why there is neither. */
const fieldSchema = z.union([
  z.strictObject({ section, field, value: z.json() }),
  z.strictObject({ section, field, hashed: z.string().min(1).max(4096) }),
  z.strictObject({ section, field, missing: why }),
]);
export type CapturedField = z.output<typeof fieldSchema>;

/**
 * An Edge Function. `body` is the name of an artifact of the same set, with the media type that the API gave (a bundle, or a form
 * of sources), or why there is none.
 */
const functionSchema = z.strictObject({
  slug: z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,127}$/),
  name: z.string().max(512),
  verifyJwt: z.boolean(),
  importMap: z.boolean(),
  /** As the API told them; null: not. */
  entrypointPath: z.string().max(2048).nullable(),
  importMapPath: z.string().max(2048).nullable(),
  /** SHA-256 of the bundle that runs, by the API's word. */
  bundleSha256: sha256.nullable(),
  body: z.union([
    z.strictObject({ artifact: z.string().max(300), bytes: z.int().nonnegative(), sha256, type: z.string().max(300) }),
    z.strictObject({ missing: why }),
  ]),
});
export type CapturedFunction = z.output<typeof functionSchema>;

/** `configuration.json` of a set: what the Management API told of the project while the set was made. */
export const configurationSchema = z.strictObject({
  format: z.literal("lifeboat-configuration/1"),
  projectRef: z.string().min(1),
  readAt: z.iso.datetime(),
  /** Each part: read, or why not. What of a part that was read is missing says so by its field. */
  sections: z.array(z.strictObject({ section, missing: why.optional() })),
  fields: z.array(fieldSchema).max(20_000),
  functions: z.array(functionSchema).max(2000),
});
export type Configuration = z.output<typeof configurationSchema>;

/** Name of the artifact that holds it, and of those that hold the bodies of functions. Their kind is `configuration`. */
export const configurationArtifact = "configuration.json.zst.pgp";
/** Vault's root key, `{"root_key": …}`; of kind `secrets`: operations and escrow alone open it. */
export const rootKeyArtifact = "secrets/root-key.json.zst.pgp";
export const functionArtifact = (slug: string): string => `functions/${slug}.zst.pgp`;

/** Names under which the API gives secrets, or what opens something; ids and public halves of keys are none. */
const secretName =
  /(?:^|_)(?:secrets?|pass|password|passphrase|credentials?|token|private_jwk|connection_string|service_role|(?:root|api|access|private|secret|service|encryption)_key)$|^(?:d|p|q|dp|dq|qi|k)$/;
/** What is a secret whatever its name is: a JWT, a key of Supabase's, an address with a password. */
const secretValue =
  /\beyJ[\w-]{8,2000}\.[\w-]{8}|\bsb_secret_[\w-]{8}|\bsbp_[\w-]{16}|PRIVATE KEY-----|:\/\/[^\s/?#@:]*:[^\s/?#@]+@/;
/** What the API gives in place of a secret: one HMAC, or several. */
const hashForm = /^(?:hash:)?[0-9a-f]{64}(?:[|,;](?:hash:)?[0-9a-f]{64}){0,50}$/i;

/** The API's documents write names in either way: `access_key`, `accessKey`. */
export const isSecretName = (name: string): boolean =>
  secretName.test(name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])|-/g, "_").toLowerCase());

/**
 * One setting as it may be kept: of a secret its hash at most, also where the API gives more. Pure.
 * @param name by which it is judged; default: the field's own
 */
export function captured(part: SectionName, name: string, value: unknown): CapturedField {
  if (!/^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/.test(name))
    return { section: part, field: `unreadable ${Buffer.from(name).toString("hex").slice(0, 200)}`, missing: unnamed };
  const at = { section: part, field: name };
  if (value === undefined) return { ...at, missing: "the API told nothing of it" };
  if (isSecretName(name) && value !== null && value !== "") {
    return typeof value === "string" && hashForm.test(value)
      ? { ...at, hashed: value.toLowerCase() }
      : { ...at, missing: "a secret, which the API gave as it is: not kept" };
  }
  const json = JSON.stringify(value);
  if (json.length > mostValue) return { ...at, missing: `its value has more than ${mostValue} characters` };
  if (holdsSecret(value)) return { ...at, missing: "there is a secret in its value: not kept" };
  // Parsed anew: what is kept is plain JSON, whatever it was read by.
  return { ...at, value: z.json().parse(JSON.parse(json)) };
}

const unnamed = "its name has signs that no setting's name has";
const mostValue = 512 * 1024;

function holdsSecret(value: unknown): boolean {
  if (typeof value === "string") return secretValue.test(value);
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsSecret);
  return Object.entries(value).some(
    ([name, inner]) => (isSecretName(name) && inner !== null && inner !== "") || holdsSecret(inner),
  );
}

type Held = Pick<Configuration, "sections" | "functions">;

/** What a set lacks of the configuration, by reason. Pure. */
export function gapsIn({ sections, functions }: Held): Map<string, string[]> {
  const reasons = new Map<string, string[]>();
  const add = (why: string, what: string) => reasons.set(why, [...(reasons.get(why) ?? []), what]);
  for (const { section, missing } of sections) if (missing !== undefined) add(missing, section);
  for (const { slug, body } of functions) if ("missing" in body) add(body.missing, `the body of function ${slug}`);
  return reasons;
}

/** The same as sentences, one for each reason; empty: nothing is lacking. Pure. */
export function describeGaps(configuration: Held): string[] {
  return [...gapsIn(configuration)].map(
    ([why, what]) =>
      `${what.length === 1 ? "A part" : countOf(what.length, "part")} of the project's configuration ${what.length === 1 ? "is" : "are"} not in the set, ${few(what)}: ${why}.`,
  );
}
