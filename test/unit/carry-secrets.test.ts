import { createHash, generateKeyPairSync } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { putRootKey } from "../../actions/lib/operations/configuration/keys.ts";
import { captureConfiguration } from "../../actions/lib/supabase/configuration/capture.ts";
import type { Configuration } from "../../actions/lib/supabase/configuration/document.ts";
import { addProject, ownerSecrets } from "../lab/supabase-api/index.ts";
import { CarryScene, everything, outcomeOf } from "./carry-scene.ts";

let scene: CarryScene;
beforeEach(() => {
  scene = new CarryScene();
});

describe("a configuration that is put back into a new project", () => {
  test("lists a sign-in, a mail server and a hook that would be on without their secret, or lead to the lost project", async () => {
    scene.source.auth["hook_send_email_uri"] = `https://${scene.source.ref}.supabase.co/functions/v1/mail`;
    const configuration = await scene.capture();
    const supplied = everything();
    for (const name of ["auth:smtp_pass", "auth:external_google_secret", "auth:sms_twilio_auth_token"])
      supplied.delete(name);
    const rows = await scene.carry(configuration, { goLive: true, supplied });
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
    expect(scene.target.auth["external_google_enabled"]).toBe(false);
    expect(outcomeOf(rows, "auth", "site_url")?.next).toMatch(/names the lost project/);
  });

  test("has all other secrets where the API will not have one", async () => {
    const configuration = await scene.capture();
    const supplied = new Map([...everything(), ["secret:BAD", "x".repeat(30_000)]]);
    const fields = [...configuration.fields, { section: "secrets" as const, field: "BAD", hashed: "0f".repeat(32) }];
    const rows = await scene.carry({ ...configuration, fields }, { supplied });
    expect(outcomeOf(rows, "secrets", "BAD")).toMatchObject({ outcome: "refused" });
    for (const name of Object.keys(ownerSecrets)) expect(outcomeOf(rows, "secrets", name)?.outcome).toBe("carried");
  });

  test("tells a value in escrow that is older than the one the lost project had", async () => {
    const configuration = await scene.capture();
    const supplied = new Map([
      ...everything(),
      ["secret:STRIPE_KEY", "last year's key"],
      ["auth:smtp_pass", "last year's"],
    ]);
    supplied.delete("secret:OPENAI_KEY");
    const rows = await scene.carry(configuration, { supplied, goLive: true });
    for (const again of [rows, await scene.carry(configuration, { supplied, goLive: true })])
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
    const configuration = await scene.capture();
    const open = ["smtp_pass", "external_google_secret"];
    const fields = configuration.fields.map((one) =>
      one.section === "auth" && open.includes(one.field)
        ? { section: one.section, field: one.field, missing: "a secret, which the API gave as it is: not kept" }
        : one,
    );
    const supplied = everything();
    supplied.delete("auth:external_google_secret");
    const rows = await scene.carry({ ...configuration, fields }, { supplied, goLive: true });
    expect(outcomeOf(rows, "auth", "smtp_pass")?.outcome).toBe("carried");
    expect(outcomeOf(rows, "auth", "external_google_secret")?.outcome).toBe("listed");
    expect(outcomeOf(rows, "auth", "external_google_enabled")).toMatchObject({
      outcome: "listed",
      why: expect.stringMatching(/of no use without external_google_secret/),
    });
  });

  test("never says a value in what it tells", async () => {
    const rows = await scene.carry(await scene.capture(), { goLive: true, supplied: everything() });
    expect(JSON.stringify(rows)).not.toMatch(/the value of|nobody may see|203\.0\.113/);
  });
});

describe("keys", () => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });

  test("that the owner made sign in the new project; another's, and one that Supabase made, are listed", async () => {
    const { d: _d, ...publicJwk } = pair;
    const [key] = scene.source.signingKeys;
    Object.assign(key ?? {}, { publicJwk });
    const configuration = await scene.capture();
    const supplied = new Map([["signing-key", JSON.stringify(pair)]]);
    expect(
      (await scene.carry(configuration, { supplied })).find(({ section }) => section === "signing-keys")?.outcome,
    ).toBe("carried");
    expect(scene.target.signingKeys.find(({ status }) => status === "in_use")?.publicJwk).toMatchObject({ x: pair.x });
    expect(
      (await scene.carry(configuration, { supplied })).find(({ section }) => section === "signing-keys")?.outcome,
    ).toBe("already");
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
    const foreign = new Map([["signing-key", JSON.stringify(other)]]);
    for (const given of [foreign, new Map<string, string>()])
      expect(
        (await scene.carry(configuration, { supplied: given, ref: addProject(scene.world).ref })).find(
          ({ section }) => section === "signing-keys",
        ),
      ).toMatchObject({ outcome: "listed" });
  });

  test("that is a shared secret is not asked for again when escrow has one", async () => {
    const configuration = await scene.capture();
    const fields = configuration.fields.map((one) =>
      one.section === "signing-keys"
        ? { ...one, value: { status: "in_use", algorithm: "HS256", public_jwk: null } }
        : one,
    ) as Configuration["fields"];
    const supplied = new Map([["signing-key", JSON.stringify({ kty: "oct", k: "a".repeat(43) })]]);
    const rows = await scene.carry({ ...configuration, fields }, { supplied });
    expect(rows.filter(({ section }) => section === "signing-keys")).toMatchObject([
      { outcome: "listed", next: expect.not.stringContaining("escrow put") },
    ]);
    const without = await scene.carry({ ...configuration, fields });
    expect(without.find(({ section }) => section === "signing-keys")?.next).toContain("escrow put");
  });

  test("of Vault stay when a secret opens with them, and are put back when it does not", async () => {
    const own = scene.target.rootKey;
    const key = "ab".repeat(32);
    const at = { api: scene.apiBy(), ref: scene.target.ref };
    expect(await putRootKey(at, key, async () => false)).toBe(false);
    expect(scene.target.rootKey).toBe(own);
    expect(await putRootKey(at, "no key at all", async () => true)).toBe(false);
    expect(await putRootKey(at, key, async () => true)).toBe(true);
    expect(scene.target.rootKey).toBe(key);
    scene.world.faults.inject({ kind: "no-effect", on: /^PUT .*pgsodium/ });
    expect(await putRootKey({ ...at, ref: scene.source.ref }, key, async () => true)).toBe(false);
  });

  test("of Vault are known by their hash", async () => {
    const { signal } = new AbortController();
    const configuration = await captureConfiguration({
      ...{ api: scene.apiBy(), ref: scene.source.ref, readAt: new Date(), signal },
      async keepRootKey(key) {
        expect(key).toBe(scene.source.rootKey);
      },
    });
    const hashed = createHash("sha256").update(scene.source.rootKey).digest("hex");
    expect(configuration.fields.at(-1)).toEqual({ section: "vault", field: "root_key", hashed });
    expect(outcomeOf(await scene.carry(configuration), "vault", "root_key")?.outcome).toBe("listed");
    scene.target.rootKey = scene.source.rootKey;
    expect(outcomeOf(await scene.carry(configuration), "vault", "root_key")?.outcome).toBe("already");
  });
});
