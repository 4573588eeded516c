import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { refusalOf } from "../../actions/lib/supabase/api-refusal.ts";
import { captureConfiguration } from "../../actions/lib/supabase/configuration/capture.ts";
import { configurationSchema, describeGaps } from "../../actions/lib/supabase/configuration/document.ts";
import type { ManagementApi } from "../../actions/lib/supabase/management-api.ts";

const ref = "abcdefghijklmnopqrst";
const place = `/v1/projects/${ref}`;
const hmac = "0f".repeat(32);
const hidden = "do-not-keep-me";

/** What the API answers, by path; a function answers by throwing or with what it gives. */
type Answers = Record<string, unknown>;

const whole: Answers = {
  [place]: { ref, organization_slug: "org", name: "Qimma", region: "eu-central-1", database: { version: "17.6" } },
  [`${place}/config/auth`]: { site_url: "https://qimma.example", jwt_exp: 3600, smtp_pass: hmac, smtp_host: null },
  [`${place}/postgrest`]: { db_schema: "public", max_rows: 1000, db_pool: null, jwt_secret: hidden },
  [`${place}/config/database/pooler`]: [
    { database_type: "READ_REPLICA", pool_mode: "session" },
    { database_type: "PRIMARY", pool_mode: "transaction", connection_string: `postgres://postgres:${hidden}@host` },
  ],
  [`${place}/config/storage`]: { fileSizeLimit: 52428800, features: { s3Protocol: { enabled: true } } },
  [`${place}/config/realtime`]: { private_only: false },
  [`${place}/config/database/postgres`]: { statement_timeout: "120s" },
  [`${place}/network-restrictions`]: { config: { dbAllowedCidrs: ["10.0.0.0/8"], dbAllowedCidrsV6: [] } },
  [`${place}/ssl-enforcement`]: { currentConfig: { database: true }, appliedSuccessfully: true },
  [`${place}/config/disk`]: { attributes: { type: "gp3", size_gb: 8, iops: 3000 } },
  [`${place}/config/disk/autoscale`]: { growth_percent: 50, min_increment_gb: null, max_size_gb: null },
  [`${place}/billing/addons`]: {
    selected_addons: [{ type: "compute_instance", variant: { id: "ci_small", name: "Small" } }],
    available_addons: [],
  },
  [`${place}/config/auth/third-party-auth`]: [],
  [`${place}/config/auth/signing-keys`]: {
    keys: [{ id: "key-1", algorithm: "ES256", status: "in_use", public_jwk: { kty: "EC", x: "x", y: "y" } }],
  },
  [`${place}/secrets`]: [
    { name: "STRIPE_KEY", value: hmac },
    { name: "CARELESS", value: hidden },
  ],
  [`${place}/functions`]: [
    { slug: "grade", name: "Grade", verify_jwt: false, ezbr_sha256: hmac, entrypoint_path: "file:///index.ts" },
  ],
  "/v1/organizations/org/entitlements": {
    entitlements: [{ feature: { key: "function.max_count" }, hasAccess: true, config: { enabled: true, value: 500 } }],
  },
};

const bundle = Buffer.from("EZBR a bundle");

function apiOf(answers: Answers, asked: string[] = []): ManagementApi {
  const answer = (path: string): unknown => {
    asked.push(path);
    const one = Object.hasOwn(answers, path) ? answers[path] : refuse(path, 404);
    return typeof one === "function" ? one() : one;
  };
  return {
    get: async <T>(path: string, schema: z.ZodType<T>) => schema.parse(answer(path)),
    async bytes(path) {
      if (Object.hasOwn(answers, path)) answer(path);
      return { body: bundle, type: "application/octet-stream" };
    },
    send: () => Promise.reject(new Error("a capture writes nothing")),
    ask: () => Promise.reject(new Error("a capture writes nothing")),
  };
}

function refuse(path: string, status: number, more: object = {}): never {
  throw refusalOf({
    ...{ method: "GET", path, status, secrets: [] },
    text: JSON.stringify({ message: hidden, ...more }),
  });
}
const silent = (): never => {
  throw new OperationError("api-unavailable", "no answer", "Run again later.");
};

async function capture(answers: Answers, more: { patience?: AbortSignal; asked?: string[]; bodies?: boolean } = {}) {
  const { signal } = new AbortController();
  const kept = new Map<string, Uint8Array>();
  const configuration = await captureConfiguration({
    ...{ api: apiOf(answers, more.asked), ref, readAt: new Date("2026-11-29T00:00:00Z"), signal },
    ...(more.patience && { patience: more.patience }),
    ...(more.bodies !== false && {
      async keepBody(slug: string, body: Uint8Array) {
        kept.set(slug, body);
        return `functions/${slug}`;
      },
    }),
  });
  // What a set holds has to be what its readers take.
  expect(configurationSchema.parse(JSON.parse(JSON.stringify(configuration)))).toEqual(configuration);
  const find = (section: string, field: string) =>
    configuration.fields.find((one) => one.section === section && one.field === field);
  return { ...configuration, kept, find };
}

describe("what a set keeps of a project's configuration", () => {
  test("is every setting of every part, by its value", async () => {
    const { fields, sections, find } = await capture(whole);
    expect(sections.filter(({ missing }) => missing !== undefined)).toEqual([]);
    expect(find("auth", "site_url")).toMatchObject({ value: "https://qimma.example" });
    expect(find("auth", "smtp_host")).toMatchObject({ value: null });
    expect(find("pooler", "pool_mode")).toMatchObject({ value: "transaction" });
    expect(find("network", "dbAllowedCidrs")).toMatchObject({ value: ["10.0.0.0/8"] });
    expect(find("addons", "compute_instance")).toMatchObject({ value: "ci_small" });
    expect(find("entitlements", "function.max_count")).toMatchObject({ value: { enabled: true, value: 500 } });
    expect(fields.length).toBe(34);
  });

  test("are hashes of secrets where the API gives hashes, and nothing of those that it gives in the clear", async () => {
    const captured = await capture(whole);
    expect(captured.find("auth", "smtp_pass")).toMatchObject({ hashed: hmac });
    expect(captured.find("secrets", "STRIPE_KEY")).toMatchObject({ hashed: hmac });
    for (const [section, field] of [
      ["postgrest", "jwt_secret"],
      ["pooler", "connection_string"],
      ["secrets", "CARELESS"],
    ] as const)
      expect(captured.find(section, field)).toMatchObject({ missing: expect.stringMatching(/not kept/) });
    expect(JSON.stringify(captured)).not.toContain(hidden);
  });

  test("holds nothing of a value in which a secret lies deeper", async () => {
    const keys = [{ id: "key-1", status: "in_use", public_jwk: { kty: "oct", k: hidden } }];
    const captured = await capture({ ...whole, [`${place}/config/auth/signing-keys`]: { keys } });
    expect(captured.find("signing-keys", "key-1")).toMatchObject({
      missing: expect.stringMatching(/secret in its value/),
    });
    expect(JSON.stringify(captured)).not.toContain(hidden);
  });

  test("holds no secret that has another way of writing its name, or a harmless one", async () => {
    const told = {
      ...{ accessKey: hidden, clientSecret: hidden, private_key: hidden, smtpPass: hidden, "api-key": hidden },
      hook_send_sms_uri: `https://user:${hidden}@sms.example/send`,
      note: `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(`{"role":"service_role","x":"${hidden}"}`).toString("base64url")}.c2ln`,
      external: { of: ["sb_secret_do-not-keep-me"] },
    };
    const { fields } = await capture({
      ...whole,
      [`${place}/config/auth`]: { ...told, site_url: "https://a.example:80/@x" },
    });
    const auth = fields.filter(({ section }) => section === "auth");
    expect(auth.filter((one) => !("missing" in one))).toEqual([
      { section: "auth", field: "site_url", value: "https://a.example:80/@x" },
    ]);
    expect(JSON.stringify(fields)).not.toContain("keep-me");
  });

  test("has the functions' bodies by hash, and says where the policy leaves them out", async () => {
    const { functions, kept } = await capture(whole);
    const sha256 = createHash("sha256").update(bundle).digest("hex");
    expect(functions).toMatchObject([
      { slug: "grade", verifyJwt: false, bundleSha256: hmac, body: { artifact: "functions/grade", sha256 } },
    ]);
    expect(kept.get("grade")).toEqual(bundle);
    const without = await capture(whole, { bodies: false });
    expect(without.functions[0]?.body).toEqual({ missing: expect.stringMatching(/policy/) });
  });

  test("names the right that the token lacks, part by part, and has all else", async () => {
    const denied = () => refuse("/config/auth", 403, { missing_permissions: ["auth_config_read"] });
    const { sections, find } = await capture({
      ...whole,
      [`${place}/config/auth`]: denied,
      [`${place}/billing/addons`]: () => refuse("/billing/addons", 403),
    });
    expect(sections.filter(({ missing }) => missing !== undefined)).toEqual([
      { section: "auth", missing: "SUPABASE_ACCESS_TOKEN lacks auth_config_read" },
      { section: "addons", missing: "SUPABASE_ACCESS_TOKEN lacks the right to read it" },
    ]);
    expect(find("postgrest", "max_rows")).toMatchObject({ value: 1000 });
    expect(describeGaps({ sections, functions: [] }).join("\n")).toMatch(/auth: .*auth_config_read.*\n.*addons/);
  });

  test("is less where the API is silent, which is soon not asked any more, and where there is no time", async () => {
    const asked: string[] = [];
    const all = Object.fromEntries(Object.keys(whole).map((path) => [path, silent]));
    const { sections, fields } = await capture(all, { asked });
    expect([asked.length, fields.length]).toEqual([2, 0]);
    expect(sections.every(({ missing }) => missing !== undefined)).toBe(true);
    const one = await capture({ ...whole, [`${place}/config/auth`]: silent });
    expect(one.sections.filter(({ missing }) => missing !== undefined)).toMatchObject([{ section: "auth" }]);
    const late = await capture(whole, { patience: AbortSignal.abort(new Error("late")) });
    expect(late.sections.every(({ missing }) => missing?.includes("no time"))).toBe(true);
  });

  test("takes strange names and forms as missing, never as something else", async () => {
    const auth = JSON.parse(
      '{"__proto__": {"admin": true}, "constructor": 1, "line\\nbreak": 1, "": 2, "site_url": "x"}',
    );
    const { fields, find, sections } = await capture({
      ...whole,
      [`${place}/config/auth`]: auth,
      [`${place}/config/realtime`]: ["a", "list"],
      [`${place}/ssl-enforcement`]: { currentConfig: "yes" },
      [`${place}/config/storage`]: null,
      [`${place}/functions`]: [{ slug: "../../etc" }, { slug: "twice" }, { slug: "twice" }, { slug: "a b" }],
    });
    expect(fields.filter(({ section }) => section === "auth").length).toBe(5);
    expect(find("auth", "__proto__")).toMatchObject({ value: { admin: true } });
    expect(find("auth", "constructor")).toMatchObject({ value: 1 });
    expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
    expect(fields.filter(({ field }) => field.startsWith("unreadable ")).map((one) => "missing" in one)).toEqual([
      true,
      true,
    ]);
    const missing = sections.filter((one) => one.missing !== undefined).map(({ section }) => section);
    expect(missing).toEqual(["storage", "realtime", "ssl"]);
    expect(fields.filter(({ section }) => section === "functions").length).toBe(3);
  });

  test("bounds what an answer may bring", async () => {
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`setting_${index}`, index]));
    const { sections, find } = await capture({
      ...whole,
      [`${place}/config/auth`]: many,
      [`${place}/config/realtime`]: { note: "x".repeat(600_000) },
    });
    expect(sections.find(({ section }) => section === "auth")?.missing).toMatch(/unknown form/);
    expect(find("realtime", "note")).toMatchObject({ missing: expect.stringMatching(/more than/) });
    // Each part as large as it may be, and a hash of hashes: the document has to be one that can be read.
    const most = Object.fromEntries(Object.entries(many).slice(0, 1000));
    const full = Object.fromEntries(
      Object.keys(whole)
        .filter((path) => /config\/(auth|storage|realtime|database\/postgres)$|postgrest$/.test(path))
        .map((path) => [path, { ...most, setting_0: null, smtp_pass: Array(100).fill(hmac).join("|") }]),
    );
    await capture({ ...whole, ...full, [`${place}/secrets`]: Array(1000).fill({ name: "A", value: hmac }) });
  });

  test("lets a fault of the vault and the end of the run through: they are not the API's", async () => {
    const broken = new OperationError("s3-unavailable", "no vault", "Run again.");
    const { signal } = new AbortController();
    const options = { api: apiOf(whole), ref, readAt: new Date(), signal };
    await expect(captureConfiguration({ ...options, keepBody: () => Promise.reject(broken) })).rejects.toBe(broken);
    const ended = AbortSignal.abort(broken);
    const api = apiOf({ ...whole, [place]: silent });
    await expect(captureConfiguration({ ...options, api, signal: ended })).rejects.toBe(broken);
  });
});
