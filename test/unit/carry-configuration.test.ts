import { beforeEach, describe, expect, test } from "vitest";
import type { Row } from "../../actions/lib/operations/configuration/carry.ts";
import { isUnknown, ruleOf } from "../../actions/lib/operations/configuration/rules.ts";
import type { Configuration } from "../../actions/lib/supabase/configuration/document.ts";
import { authFields, isAuthSecret } from "../lab/supabase-api/auth-fields.ts";
import { addToken, ownerSecrets } from "../lab/supabase-api/index.ts";
import { CarryScene, everything, outcomeOf } from "./carry-scene.ts";

let scene: CarryScene;
beforeEach(() => {
  scene = new CarryScene();
});

/** Everything that a set knows of, once each. */
function namesIn({ sections, fields, functions }: Configuration): string[] {
  return [
    ...sections.filter(({ missing }) => missing !== undefined).map(({ section }) => `${section}/all of it`),
    ...fields.map(({ section, field }) => `${section}/${field}`),
    ...functions.map(({ slug }) => `functions/${slug}`),
  ].sort();
}
const namesOf = (rows: readonly Row[]): string[] => rows.map(({ section, field }) => `${section}/${field}`).sort();

describe("the rules", () => {
  test("know each of the 237 settings of auth by its name", () => {
    expect(authFields.size).toBe(237);
    expect([...authFields.keys()].filter((field) => isUnknown("auth", field) && !isAuthSecret(field))).toEqual([]);
    for (const field of authFields.keys()) expect(ruleOf("auth", field).way === "supply").toBe(isAuthSecret(field));
  });

  test("know each setting of the other parts", async () => {
    const { fields } = await scene.capture();
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
    const configuration = await scene.capture();
    const rows = await scene.carry(configuration);
    expect(namesOf(rows)).toEqual(namesIn(configuration));
    expect(rows.filter(({ outcome }) => outcome === "refused")).toEqual([]);
    for (const { outcome, why, next } of rows) if (outcome === "listed") expect([why, next]).not.toContain(undefined);
  });

  test("is there afterwards, in the settings themselves, and nothing that goes out to people is", async () => {
    const rows = await scene.carry(await scene.capture());
    for (const field of ["jwt_exp", "disable_signup", "mailer_autoconfirm", "uri_allow_list", "password_min_length"])
      expect([field, scene.target.auth[field], outcomeOf(rows, "auth", field)?.outcome]).toEqual([
        ...[field, scene.source.auth[field], "carried"],
      ]);
    expect(scene.target.postgrest).toEqual(scene.source.postgrest);
    expect(scene.target.realtime).toEqual(scene.source.realtime);
    expect(scene.target.pooler).toEqual(scene.source.pooler);
    expect(scene.target.sslEnforced).toBe(true);
    expect(scene.target.storageConfig["fileSizeLimit"]).toBe(104_857_600);
    expect(scene.target.storageConfig["migrationVersion"]).not.toBe("older");
    expect(scene.target.postgres).toEqual({ statement_timeout: "60s", max_slot_wal_keep_size: "2GB" });
    expect(scene.target.network.v4).toEqual(["0.0.0.0/0"]);
    const loud = [...authFields.keys()].filter((field) => /^(hook|smtp|sms)_|^external_phone_enabled$/.test(field));
    expect(loud.filter((field) => ![false, null, 6].includes(scene.target.auth[field] as null))).toEqual([]);
  });

  test("is all of it, what goes out to people included, when a person says so and escrow has the values", async () => {
    const configuration = await scene.capture();
    const before = await scene.carry(configuration, { supplied: everything() });
    expect(before.some(({ outcome }) => outcome === "refused")).toBe(false);
    const rows = await scene.carry(configuration, { goLive: true, supplied: everything() });
    expect(rows.filter(({ outcome }) => outcome === "refused")).toEqual([]);
    const stays = ["db_max_pool_size", "db_max_pool_size_unit", "api_max_request_duration"];
    const readOnly = ["custom_oauth_max_providers", "nimbus_oauth_email_optional", "saml_allow_encrypted_assertions"];
    const differing = [...authFields.keys()].filter((field) => scene.target.auth[field] !== scene.source.auth[field]);
    expect(differing.sort()).toEqual([...stays, ...readOnly].sort());
    expect(scene.target.network).toEqual(scene.source.network);
    for (const [name, value] of Object.entries(ownerSecrets)) expect(scene.target.secrets.get(name)?.value).toBe(value);
  });

  test("tells of each part that the set has not, as its backup's token lacked the right", async () => {
    const permissions = ["auth_config_read", "organization_admin_read", "edge_functions_read"];
    const configuration = await scene.capture(addToken(scene.world, { permissions }).value);
    const rows = await scene.carry(configuration);
    expect(namesOf(rows)).toEqual(namesIn(configuration));
    expect(outcomeOf(rows, "postgrest", "all of it")).toMatchObject({
      ...{ outcome: "listed", why: expect.stringMatching(/data_api_config_read/) },
    });
    expect(rows.filter(({ field }) => field === "all of it").length).toBe(14);
    expect(scene.target.auth["jwt_exp"]).toBe(41);
  });

  test("is found as it is by a second run, which writes nothing", async () => {
    const configuration = await scene.capture();
    await scene.carry(configuration, { goLive: true, supplied: everything() });
    const count = scene.writes().length;
    const rows = await scene.carry(configuration, { goLive: true, supplied: everything() });
    expect(scene.writes().length).toBe(count);
    expect(rows.filter(({ outcome }) => outcome === "carried")).toEqual([]);
  });

  test("is taken up again where the API has died in the middle", async () => {
    const configuration = await scene.capture();
    const end = scene.world.faults.inject({ kind: "reset", on: /\/config\/(realtime|auth)/ });
    await expect(scene.carry(configuration)).rejects.toMatchObject({ code: "api-unavailable" });
    end();
    expect(namesOf(await scene.carry(configuration))).toEqual(namesIn(configuration));
    expect(scene.target.auth["jwt_exp"]).toBe(41);
  });

  test("is only looked at in a rehearsal", async () => {
    const configuration = await scene.capture();
    const rows = await scene.carry(configuration, { rehearse: true, goLive: true, supplied: everything() });
    expect(scene.writes()).toEqual([]);
    const done = await scene.carry(configuration, { goLive: true, supplied: everything() });
    const by = (all: readonly Row[]) => all.map(({ section, field, outcome }) => `${section}/${field}: ${outcome}`);
    expect(by(rows)).toEqual(by(done));
  });

  test("names what the API refuses, by halves, and carries the rest", async () => {
    const configuration = await scene.capture();
    const wrong = ["jwt_exp", "mailer_otp_exp", "rate_limit_otp"];
    const fields = configuration.fields.map((one) =>
      wrong.includes(one.field) && "value" in one ? { ...one, value: "not a number" } : one,
    );
    const rows = await scene.carry({ ...configuration, fields });
    const refused = rows.filter(({ outcome }) => outcome === "refused");
    expect(refused.map(({ field }) => field).sort()).toEqual(wrong);
    for (const { why } of refused) expect(why).toMatch(/Expected number/);
    expect(scene.target.auth["password_min_length"]).toBe(41);
    expect(scene.writes().filter((request) => request.includes("/config/auth")).length).toBeLessThan(60);
  });

  test("of the network is not taken back by its other half", async () => {
    const configuration = await scene.capture();
    const { v4, v6 } = scene.source.network;
    const end = scene.world.faults.inject({
      kind: { status: 400, json: { message: "not both" } },
      on: /^POST .*network/,
      times: 1,
    });
    const rows = await scene.carry(configuration, { goLive: true });
    expect(end()).toBe(1);
    expect(rows.filter(({ section }) => section === "network").map(({ outcome }) => outcome)).not.toContain("refused");
    expect([scene.target.network.v4, scene.target.network.v6]).toEqual([v4, v6]);
  });

  test("is not taken for carried where the API said 200 and kept nothing", async () => {
    const configuration = await scene.capture();
    scene.world.faults.inject({ kind: "no-effect", on: /^(PATCH|PUT|POST) / });
    const rows = await scene.carry(configuration, { supplied: everything(), goLive: true });
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
      scene.source.auth[`novelty_${at}`] = at;
      if (at < 20) scene.target.auth[`novelty_${at}`] = -1;
    }
    const configuration = await scene.capture();
    const rows = await scene.carry(configuration);
    expect(namesOf(rows)).toEqual(namesIn(configuration));
    const news = rows.filter(({ field }) => field.startsWith("novelty_"));
    expect(news.length).toBe(40);
    expect(news.every(({ outcome, why }) => outcome !== "carried" && why !== undefined)).toBe(true);
    expect(scene.target.auth["jwt_exp"]).toBe(41);
  });

  test("names the right that the token lacks, and carries what it may", async () => {
    const permissions = [
      "auth_config_read",
      "data_api_config_read",
      "data_api_config_write",
      "organization_admin_read",
    ];
    const configuration = await scene.capture();
    const rows = await scene.carry(configuration, {
      api: scene.apiBy(addToken(scene.world, { permissions }).value),
      supplied: everything(),
    });
    expect(namesOf(rows)).toEqual(namesIn(configuration));
    expect(outcomeOf(rows, "postgrest", "max_rows")).toMatchObject({ outcome: "carried" });
    expect(outcomeOf(rows, "auth", "jwt_exp")?.next).toMatch(/auth_config_write/);
    expect(outcomeOf(rows, "functions", "grade")?.next).toMatch(/edge_functions_read/);
    expect(outcomeOf(rows, "secrets", "STRIPE_KEY")).toMatchObject({ outcome: "refused" });
  });
});
