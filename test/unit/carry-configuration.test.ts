import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { Secret } from "../../actions/lib/config/problems.ts";
import { type Carrying, carryConfiguration, type Row } from "../../actions/lib/operations/configuration/carry.ts";
import { putRootKey } from "../../actions/lib/operations/configuration/keys.ts";
import { isUnknown, ruleOf } from "../../actions/lib/operations/configuration/rules.ts";
import { captureConfiguration } from "../../actions/lib/supabase/configuration/capture.ts";
import type { Configuration } from "../../actions/lib/supabase/configuration/document.ts";
import { openManagementApi } from "../../actions/lib/supabase/management-api.ts";
import { authFields, isAuthSecret } from "../lab/supabase-api/auth-fields.ts";
import {
  addFunction,
  addProject,
  addToken,
  authSecret,
  bundles,
  configure,
  createWorld,
  ownerSecrets,
  type Project,
  transportTo,
  VirtualClock,
  type World,
} from "../lab/supabase-api/index.ts";

let world: World;
let [lost, found]: Project[] = [];
const kept = new Map<string, Uint8Array>();

const apiBy = (token = world.tokens[0]?.value ?? "") =>
  openManagementApi({
    ...{ url: "https://api.example", token: new Secret(token), transport: transportTo(world), clock: world.clock },
    spacing: 0,
  });

async function capture(of: Project, token?: string): Promise<Configuration> {
  const { signal } = new AbortController();
  return captureConfiguration({
    ...{ api: apiBy(token), ref: of.ref, readAt: new Date(world.clock.now()), signal },
    async keepBody(slug, body) {
      kept.set(slug, body);
      return `functions/${slug}`;
    },
  });
}

/** Everything that the owner of the lost project may have put into escrow. */
const everything = () =>
  new Map<string, string>([
    ...Object.entries(ownerSecrets).map(([name, value]) => [`secret:${name}`, value] as const),
    ...[...authFields.keys()].filter(isAuthSecret).map((field) => [`auth:${field}`, authSecret(field)] as const),
  ]);

const carry = (configuration: Configuration, more: Partial<Carrying> = {}): Promise<Row[]> =>
  carryConfiguration({
    ...{ api: apiBy(), ref: target().ref, configuration, goLive: false, log: silentLog },
    bodyOf: async ({ slug }) => kept.get(slug),
    ...more,
  });

const source = (): Project => lost ?? expect.fail("no source");
const target = (): Project => found ?? expect.fail("no target");
const outcomeOf = (rows: readonly Row[], section: string, field: string) =>
  rows.find((row) => row.section === section && row.field === field);
const writes = () => world.requests.filter((request) => !request.startsWith("GET "));

/** Everything that a set knows of, once each. */
function namesIn({ sections, fields, functions }: Configuration): string[] {
  return [
    ...sections.filter(({ missing }) => missing !== undefined).map(({ section }) => `${section}/all of it`),
    ...fields.map(({ section, field }) => `${section}/${field}`),
    ...functions.map(({ slug }) => `functions/${slug}`),
  ].sort();
}
const namesOf = (rows: readonly Row[]): string[] => rows.map(({ section, field }) => `${section}/${field}`).sort();

beforeEach(() => {
  world = createWorld({ clock: new VirtualClock() });
  lost = addProject(world, { name: "production" });
  found = addProject(world, { name: "recovered" });
  configure(lost, world.clock.now());
  kept.clear();
});

describe("the rules", () => {
  test("know each of the 237 settings of auth by its name", () => {
    expect(authFields.size).toBe(237);
    expect([...authFields.keys()].filter((field) => isUnknown("auth", field) && !isAuthSecret(field))).toEqual([]);
    for (const field of authFields.keys()) expect(ruleOf("auth", field).way === "supply").toBe(isAuthSecret(field));
  });

  test("know each setting of the other parts", async () => {
    const { fields } = await capture(source());
    const strange = fields.filter(({ section, field }) => {
      if (section === "functions" || section === "signing-keys" || section === "sign-in-providers") return false;
      return isUnknown(section, field) && ruleOf(section, field).way === "write" && !/secret|connection/i.test(field);
    });
    expect(strange).toEqual([]);
  });

  test("try what Supabase adds later, and switch on last what goes out to people", () => {
    expect(ruleOf("auth", "telepathy_enabled")).toMatchObject({ way: "write", when: "first", unsure: true });
    for (const field of ["smtp_host", "smtp_pass", "sms_provider", "hook_send_email_enabled", "external_phone_enabled"])
      expect(ruleOf("auth", field)).toMatchObject({ when: "last" });
    expect(ruleOf("network", "dbAllowedCidrs")).toMatchObject({ way: "write", when: "last" });
  });
});

describe("a configuration that is put back into a new project", () => {
  test("says of everything that the set knows of what became of it, once", async () => {
    const configuration = await capture(source());
    const rows = await carry(configuration);
    expect(namesOf(rows)).toEqual(namesIn(configuration));
    expect(rows.filter(({ outcome }) => outcome === "refused")).toEqual([]);
    for (const { outcome, why, next } of rows) if (outcome === "listed") expect([why, next]).not.toContain(undefined);
  });

  test("is there afterwards, in the settings themselves, and nothing that goes out to people is", async () => {
    const rows = await carry(await capture(source()));
    for (const field of ["jwt_exp", "disable_signup", "mailer_autoconfirm", "uri_allow_list", "password_min_length"])
      expect([field, target().auth[field], outcomeOf(rows, "auth", field)?.outcome]).toEqual([
        ...[field, source().auth[field], "carried"],
      ]);
    expect(target().postgrest).toEqual(source().postgrest);
    expect(target().realtime).toEqual(source().realtime);
    expect(target().pooler).toEqual(source().pooler);
    expect(target().sslEnforced).toBe(true);
    expect(target().storageConfig["fileSizeLimit"]).toBe(104_857_600);
    expect(target().storageConfig["migrationVersion"]).not.toBe("older");
    expect(target().postgres).toEqual({ statement_timeout: "60s", max_slot_wal_keep_size: "2GB" });
    expect(target().network.v4).toEqual(["0.0.0.0/0"]);
    const loud = [...authFields.keys()].filter((field) => /^(hook|smtp|sms)_|^external_phone_enabled$/.test(field));
    expect(loud.filter((field) => ![false, null, 6].includes(target().auth[field] as null))).toEqual([]);
  });

  test("is all of it, what goes out to people included, when a person says so and escrow has the values", async () => {
    const configuration = await capture(source());
    const before = await carry(configuration, { supplied: everything() });
    expect(before.some(({ outcome }) => outcome === "refused")).toBe(false);
    const rows = await carry(configuration, { goLive: true, supplied: everything() });
    expect(rows.filter(({ outcome }) => outcome === "refused")).toEqual([]);
    const stays = ["db_max_pool_size", "db_max_pool_size_unit", "api_max_request_duration"];
    const readOnly = ["custom_oauth_max_providers", "nimbus_oauth_email_optional", "saml_allow_encrypted_assertions"];
    const differing = [...authFields.keys()].filter((field) => target().auth[field] !== source().auth[field]);
    expect(differing.sort()).toEqual([...stays, ...readOnly].sort());
    expect(target().network).toEqual(source().network);
    for (const [name, value] of Object.entries(ownerSecrets)) expect(target().secrets.get(name)?.value).toBe(value);
  });

  test("tells of each part that the set has not, as its backup's token lacked the right", async () => {
    const permissions = ["auth_config_read", "organization_admin_read", "edge_functions_read"];
    const configuration = await capture(source(), addToken(world, { permissions }).value);
    const rows = await carry(configuration);
    expect(namesOf(rows)).toEqual(namesIn(configuration));
    expect(outcomeOf(rows, "postgrest", "all of it")).toMatchObject({
      ...{ outcome: "listed", why: expect.stringMatching(/data_api_config_read/) },
    });
    expect(rows.filter(({ field }) => field === "all of it").length).toBe(14);
    expect(target().auth["jwt_exp"]).toBe(41);
  });

  test("is found as it is by a second run, which writes nothing", async () => {
    const configuration = await capture(source());
    await carry(configuration, { goLive: true, supplied: everything() });
    const count = writes().length;
    const rows = await carry(configuration, { goLive: true, supplied: everything() });
    expect(writes().length).toBe(count);
    expect(rows.filter(({ outcome }) => outcome === "carried")).toEqual([]);
  });

  test("is taken up again where the API has died in the middle", async () => {
    const configuration = await capture(source());
    const end = world.faults.inject({ kind: "reset", on: /\/config\/(realtime|auth)/ });
    await expect(carry(configuration)).rejects.toMatchObject({ code: "api-unavailable" });
    end();
    expect(namesOf(await carry(configuration))).toEqual(namesIn(configuration));
    expect(target().auth["jwt_exp"]).toBe(41);
  });

  test("is only looked at in a rehearsal", async () => {
    const configuration = await capture(source());
    const rows = await carry(configuration, { rehearse: true, goLive: true, supplied: everything() });
    expect(writes()).toEqual([]);
    const done = await carry(configuration, { goLive: true, supplied: everything() });
    const by = (all: readonly Row[]) => all.map(({ section, field, outcome }) => `${section}/${field}: ${outcome}`);
    expect(by(rows)).toEqual(by(done));
  });

  test("names what the API refuses, by halves, and carries the rest", async () => {
    const configuration = await capture(source());
    const wrong = ["jwt_exp", "mailer_otp_exp", "rate_limit_otp"];
    const fields = configuration.fields.map((one) =>
      wrong.includes(one.field) && "value" in one ? { ...one, value: "not a number" } : one,
    );
    const rows = await carry({ ...configuration, fields });
    const refused = rows.filter(({ outcome }) => outcome === "refused");
    expect(refused.map(({ field }) => field).sort()).toEqual(wrong);
    for (const { why } of refused) expect(why).toMatch(/Expected number/);
    expect(target().auth["password_min_length"]).toBe(41);
    expect(writes().filter((request) => request.includes("/config/auth")).length).toBeLessThan(60);
  });

  test("of the network is not taken back by its other half", async () => {
    const configuration = await capture(source());
    const { v4, v6 } = source().network;
    const end = world.faults.inject({
      kind: { status: 400, json: { message: "not both" } },
      on: /^POST .*network/,
      times: 1,
    });
    const rows = await carry(configuration, { goLive: true });
    expect(end()).toBe(1);
    expect(rows.filter(({ section }) => section === "network").map(({ outcome }) => outcome)).not.toContain("refused");
    expect([target().network.v4, target().network.v6]).toEqual([v4, v6]);
  });

  test("is not taken for carried where the API said 200 and kept nothing", async () => {
    const configuration = await capture(source());
    world.faults.inject({ kind: "no-effect", on: /^(PATCH|PUT|POST) / });
    const rows = await carry(configuration, { supplied: everything(), goLive: true });
    expect(rows.filter(({ outcome }) => outcome === "carried")).toEqual([]);
    expect(rows.filter(({ outcome }) => outcome === "refused").length).toBeGreaterThan(200);
    for (const [section, field] of [
      ["auth", "jwt_exp"],
      ["secrets", "STRIPE_KEY"],
      ["functions", "grade"],
      ["ssl", "database"],
    ] as const)
      expect(outcomeOf(rows, section, field)).toMatchObject({ outcome: "refused" });
  });

  test("loses none of forty settings that a newer API has", async () => {
    for (let at = 0; at < 40; at++) {
      source().auth[`novelty_${at}`] = at;
      if (at < 20) target().auth[`novelty_${at}`] = -1;
    }
    const configuration = await capture(source());
    const rows = await carry(configuration);
    expect(namesOf(rows)).toEqual(namesIn(configuration));
    const news = rows.filter(({ field }) => field.startsWith("novelty_"));
    expect(news.length).toBe(40);
    expect(news.every(({ outcome, why }) => outcome !== "carried" && why !== undefined)).toBe(true);
    expect(target().auth["jwt_exp"]).toBe(41);
  });

  test("names the right that the token lacks, and carries what it may", async () => {
    const permissions = [
      "auth_config_read",
      "data_api_config_read",
      "data_api_config_write",
      "organization_admin_read",
    ];
    const configuration = await capture(source());
    const rows = await carry(configuration, {
      api: apiBy(addToken(world, { permissions }).value),
      supplied: everything(),
    });
    expect(namesOf(rows)).toEqual(namesIn(configuration));
    expect(outcomeOf(rows, "postgrest", "max_rows")).toMatchObject({ outcome: "carried" });
    expect(outcomeOf(rows, "auth", "jwt_exp")?.next).toMatch(/auth_config_write/);
    expect(outcomeOf(rows, "functions", "grade")?.next).toMatch(/edge_functions_read/);
    expect(outcomeOf(rows, "secrets", "STRIPE_KEY")).toMatchObject({ outcome: "refused" });
  });

  test("lists a sign-in, a mail server and a hook that would be on without their secret, or lead to the lost project", async () => {
    source().auth["hook_send_email_uri"] = `https://${source().ref}.supabase.co/functions/v1/mail`;
    const configuration = await capture(source());
    const supplied = everything();
    for (const name of ["auth:smtp_pass", "auth:external_google_secret", "auth:sms_twilio_auth_token"])
      supplied.delete(name);
    const rows = await carry(configuration, { goLive: true, supplied });
    for (const [field, why] of [
      ["smtp_host", /smtp_pass/],
      ["external_google_enabled", /external_google_secret/],
      ["external_phone_enabled", /sms_twilio_auth_token/],
      ["hook_send_email_enabled", /lost project/],
      ["hook_send_email_uri", /lost project/],
      ["smtp_pass", /hash alone/],
    ] as const)
      expect(outcomeOf(rows, "auth", field)).toMatchObject({ outcome: "listed", why: expect.stringMatching(why) });
    expect(outcomeOf(rows, "auth", "external_github_enabled")).toMatchObject({ outcome: "carried" });
    expect(target().auth["external_google_enabled"]).toBe(false);
    expect(outcomeOf(rows, "auth", "site_url")?.next).toMatch(/names the lost project/);
  });

  test("brings the functions as they ran, and says so where another bundle runs", async () => {
    const configuration = await capture(source());
    const rows = await carry(configuration);
    for (const slug of ["grade", "mail"]) expect(outcomeOf(rows, "functions", slug)?.outcome).toBe("carried");
    expect(Buffer.from(target().functions.get("grade")?.body ?? [])).toEqual(bundles.grade);
    expect(target().functions.get("grade")).toMatchObject({ verifyJwt: false, name: "Grade" });
    const other = addProject(world);
    const bundle = {
      name: "grade",
      verifyJwt: false,
      body: Buffer.from("another"),
      type: "application/vnd.denoland.eszip",
    };
    addFunction(other, "grade", bundle, world.clock.now());
    const end = world.faults.inject({ kind: "no-effect", on: /^PATCH .*functions/ });
    const stubborn = await carry(configuration, { ref: other.ref });
    expect(outcomeOf(stubborn, "functions", "grade")).toMatchObject({
      outcome: "refused",
      why: expect.stringMatching(/not what was kept/),
    });
    expect(end()).toBe(1);
    const missing = await carry(configuration, { bodyOf: async () => undefined, ref: addProject(world).ref });
    expect(outcomeOf(missing, "functions", "mail")).toMatchObject({
      outcome: "listed",
      next: expect.stringMatching(/sources/),
    });
  });

  test("takes the repository's sources for a function whose body the set has not, and says that they may be others", async () => {
    const folder = mkdtempSync(join(tmpdir(), "functions-"));
    const put = (path: string, text: string) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    };
    put("grade/index.ts", 'import { grade } from "../_shared/grade.ts"; Deno.serve(grade);');
    put("grade/deno.json", "{}");
    put("grade/node_modules/heavy.js", "x");
    put("_shared/grade.ts", "export const grade = () => new Response();");
    symlinkSync("/etc/passwd", join(folder, "grade/passwd"));
    const configuration = await capture(source());
    const rows = await carry(configuration, { functionsFolder: folder, bodyOf: async () => undefined });
    expect(outcomeOf(rows, "functions", "grade")).toMatchObject({
      outcome: "listed",
      why: expect.stringMatching(/may not be/),
    });
    expect(outcomeOf(rows, "functions", "mail")).toMatchObject({
      outcome: "listed",
      why: expect.stringMatching(/not at hand/),
    });
    const deployed = target().functions.get("grade");
    expect(deployed).toMatchObject({ verifyJwt: false, entrypoint: "grade/index.ts", importMap: "grade/deno.json" });
    const sent = Buffer.from(deployed?.body ?? []).toString();
    expect(sent).toContain("_shared/grade.ts");
    expect(sent).not.toMatch(/heavy|passwd/);
    rmSync(join(folder, "grade/index.ts"));
    const without = await carry(configuration, {
      functionsFolder: folder,
      bodyOf: async () => undefined,
      ref: addProject(world).ref,
    });
    expect(outcomeOf(without, "functions", "grade")).toMatchObject({
      outcome: "refused",
      why: expect.stringMatching(/no index/),
    });
  });

  test("has all other functions where one is refused, is damaged in the vault, or is no form as it was said", async () => {
    const configuration = await capture(source());
    const other = addProject(world);
    addFunction(
      other,
      "grade",
      { name: "grade", verifyJwt: false, body: Buffer.from("x"), type: "x" },
      world.clock.now(),
    );
    const end = world.faults.inject({
      kind: { status: 403, json: { message: "not yours" } },
      on: /^GET .*grade\/body/,
    });
    const rows = await carry(configuration, { ref: other.ref });
    expect(end()).toBe(1);
    expect(outcomeOf(rows, "functions", "grade")).toMatchObject({ outcome: "refused", why: "not yours" });
    expect(outcomeOf(rows, "functions", "mail")?.outcome).toBe("carried");

    const damaged = await carry(configuration, {
      ref: addProject(world).ref,
      async bodyOf({ slug }) {
        if (slug === "grade")
          throw new OperationError("artifact-damaged", "functions/grade is damaged", "Use another set.");
        return kept.get(slug);
      },
    });
    expect(outcomeOf(damaged, "functions", "grade")).toMatchObject({
      outcome: "refused",
      why: expect.stringMatching(/damaged/),
    });
    expect(outcomeOf(damaged, "functions", "mail")?.outcome).toBe("carried");
    const silent = new OperationError("s3-unavailable", "no vault", "Run again.");
    const bodyOf = () => Promise.reject(silent);
    await expect(carry(configuration, { ref: addProject(world).ref, bodyOf })).rejects.toBe(silent);

    const functions = configuration.functions.map((one) =>
      one.slug === "grade" && "type" in one.body
        ? { ...one, body: { ...one.body, type: "multipart/form-data; boundary=none" } }
        : one,
    );
    const formless = await carry({ ...configuration, functions }, { ref: addProject(world).ref });
    expect(outcomeOf(formless, "functions", "grade")).toMatchObject({ outcome: "refused" });
    expect(outcomeOf(formless, "functions", "mail")?.outcome).toBe("carried");
  });

  test("sends no folder of the machine to which a link in the repository leads", async () => {
    const folder = mkdtempSync(join(tmpdir(), "functions-"));
    const outside = mkdtempSync(join(tmpdir(), "outside-"));
    writeFileSync(join(outside, "index.ts"), "// of somebody else");
    mkdirSync(join(folder, "mail"));
    writeFileSync(join(folder, "mail/index.ts"), "Deno.serve(() => new Response());");
    symlinkSync(outside, join(folder, "grade"));
    const options = { functionsFolder: folder, bodyOf: async () => undefined };
    const configuration = await capture(source());
    const rows = await carry(configuration, options);
    expect(outcomeOf(rows, "functions", "grade")).toMatchObject({
      outcome: "refused",
      why: expect.stringMatching(/link/),
    });
    expect(outcomeOf(rows, "functions", "mail")).toMatchObject({
      outcome: "listed",
      why: expect.stringMatching(/may not be/),
    });
    expect(target().functions.has("grade")).toBe(false);
    symlinkSync(outside, join(folder, "_shared"));
    const shared = await carry(configuration, { ...options, ref: addProject(world).ref });
    expect(outcomeOf(shared, "functions", "mail")).toMatchObject({
      outcome: "refused",
      why: expect.stringMatching(/link/),
    });
  });

  test("has all other secrets where the API will not have one", async () => {
    const configuration = await capture(source());
    const supplied = new Map([...everything(), ["secret:BAD", "x".repeat(30_000)]]);
    const fields = [...configuration.fields, { section: "secrets" as const, field: "BAD", hashed: "0f".repeat(32) }];
    const rows = await carry({ ...configuration, fields }, { supplied });
    expect(outcomeOf(rows, "secrets", "BAD")).toMatchObject({ outcome: "refused" });
    for (const name of Object.keys(ownerSecrets)) expect(outcomeOf(rows, "secrets", name)?.outcome).toBe("carried");
  });

  test("tells a value in escrow that is older than the one the lost project had", async () => {
    const configuration = await capture(source());
    const supplied = new Map([
      ...everything(),
      ["secret:STRIPE_KEY", "last year's key"],
      ["auth:smtp_pass", "last year's"],
    ]);
    supplied.delete("secret:OPENAI_KEY");
    const rows = await carry(configuration, { supplied, goLive: true });
    for (const again of [rows, await carry(configuration, { supplied, goLive: true })])
      expect(outcomeOf(again, "auth", "smtp_pass")).toMatchObject({
        outcome: "refused",
        why: expect.stringMatching(/not the one/),
      });
    expect(outcomeOf(rows, "auth", "external_google_secret")?.outcome).toBe("carried");
    expect(outcomeOf(rows, "secrets", "STRIPE_KEY")).toMatchObject({
      outcome: "refused",
      why: expect.stringMatching(/not the one/),
    });
    expect(outcomeOf(rows, "secrets", "OPENAI_KEY")).toMatchObject({ outcome: "listed" });
    expect(JSON.stringify(rows)).not.toMatch(/last year|nobody may see/);
  });

  test("takes from escrow a secret that no set keeps because the API tells it, and switches nothing on without", async () => {
    const configuration = await capture(source());
    const open = ["smtp_pass", "external_google_secret"];
    const fields = configuration.fields.map((one) =>
      one.section === "auth" && open.includes(one.field)
        ? { section: one.section, field: one.field, missing: "a secret, which the API gave as it is: not kept" }
        : one,
    );
    const supplied = everything();
    supplied.delete("auth:external_google_secret");
    const rows = await carry({ ...configuration, fields }, { supplied, goLive: true });
    expect(outcomeOf(rows, "auth", "smtp_pass")?.outcome).toBe("carried");
    expect(outcomeOf(rows, "auth", "external_google_secret")?.outcome).toBe("listed");
    expect(outcomeOf(rows, "auth", "external_google_enabled")).toMatchObject({
      outcome: "listed",
      why: expect.stringMatching(/of no use without external_google_secret/),
    });
  });

  test("never says a value in what it tells", async () => {
    const rows = await carry(await capture(source()), { goLive: true, supplied: everything() });
    expect(JSON.stringify(rows)).not.toMatch(/the value of|nobody may see|203\.0\.113/);
  });
});

describe("keys", () => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });

  test("that the owner made sign in the new project; another's, and one that Supabase made, are listed", async () => {
    const { d: _d, ...publicJwk } = pair;
    const [key] = source().signingKeys;
    Object.assign(key ?? {}, { publicJwk });
    const configuration = await capture(source());
    const supplied = new Map([["signing-key", JSON.stringify(pair)]]);
    expect((await carry(configuration, { supplied })).find(({ section }) => section === "signing-keys")?.outcome).toBe(
      "carried",
    );
    expect(target().signingKeys.find(({ status }) => status === "in_use")?.publicJwk).toMatchObject({ x: pair.x });
    expect((await carry(configuration, { supplied })).find(({ section }) => section === "signing-keys")?.outcome).toBe(
      "already",
    );
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
    const foreign = new Map([["signing-key", JSON.stringify(other)]]);
    for (const given of [foreign, new Map<string, string>()])
      expect(
        (await carry(configuration, { supplied: given, ref: addProject(world).ref })).find(
          ({ section }) => section === "signing-keys",
        ),
      ).toMatchObject({ outcome: "listed" });
  });

  test("that is a shared secret is not asked for again when escrow has one", async () => {
    const configuration = await capture(source());
    const fields = configuration.fields.map((one) =>
      one.section === "signing-keys"
        ? { ...one, value: { status: "in_use", algorithm: "HS256", public_jwk: null } }
        : one,
    ) as Configuration["fields"];
    const supplied = new Map([["signing-key", JSON.stringify({ kty: "oct", k: "a".repeat(43) })]]);
    const rows = await carry({ ...configuration, fields }, { supplied });
    expect(rows.filter(({ section }) => section === "signing-keys")).toMatchObject([
      { outcome: "listed", next: expect.not.stringContaining("escrow put") },
    ]);
    const without = await carry({ ...configuration, fields });
    expect(without.find(({ section }) => section === "signing-keys")?.next).toContain("escrow put");
  });

  test("of Vault stay when a secret opens with them, and are put back when it does not", async () => {
    const own = target().rootKey;
    const key = "ab".repeat(32);
    const at = { api: apiBy(), ref: target().ref };
    expect(await putRootKey(at, key, async () => false)).toBe(false);
    expect(target().rootKey).toBe(own);
    expect(await putRootKey(at, "no key at all", async () => true)).toBe(false);
    expect(await putRootKey(at, key, async () => true)).toBe(true);
    expect(target().rootKey).toBe(key);
    world.faults.inject({ kind: "no-effect", on: /^PUT .*pgsodium/ });
    expect(await putRootKey({ ...at, ref: source().ref }, key, async () => true)).toBe(false);
  });

  test("of Vault are known by their hash", async () => {
    const { signal } = new AbortController();
    const configuration = await captureConfiguration({
      ...{ api: apiBy(), ref: source().ref, readAt: new Date(), signal },
      async keepRootKey(key) {
        expect(key).toBe(source().rootKey);
      },
    });
    const hashed = createHash("sha256").update(source().rootKey).digest("hex");
    expect(configuration.fields.at(-1)).toEqual({ section: "vault", field: "root_key", hashed });
    expect(outcomeOf(await carry(configuration), "vault", "root_key")?.outcome).toBe("listed");
    target().rootKey = source().rootKey;
    expect(outcomeOf(await carry(configuration), "vault", "root_key")?.outcome).toBe("already");
  });
});
