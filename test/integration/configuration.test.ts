import { createHash } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { Secret } from "../../actions/lib/config/problems.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { carryConfiguration } from "../../actions/lib/operations/configuration/carry.ts";
import { readConfiguration, readFunctionBody, readRootKey } from "../../actions/lib/operations/configuration/read.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import type { UnlockedKey } from "../../actions/lib/seal/keys/private-key.ts";
import type { Configuration } from "../../actions/lib/supabase/configuration/document.ts";
import { openManagementApi } from "../../actions/lib/supabase/management-api.ts";
import { openSet } from "../../actions/lib/vault/sets/open-set.ts";
import { createProject, dropProject, type LabProject } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import {
  addProject,
  addToken,
  authSecret,
  bundles,
  configure,
  ownerSecrets,
  type Project,
  type SupabaseApi,
  startSupabaseApi,
} from "../lab/supabase-api/index.ts";
import { type BackupLab, backUp, openBackupLab, recordingLog } from "./backup-lab.ts";
import { recoverPageOf } from "./recovery-lab.ts";
import { openRecoveryMachine } from "./recovery-machine.ts";
import { restoreInto } from "./restore-lab.ts";

describe("the configuration of a project, backed up with it", () => {
  const server = sharedPostgres(17);
  const projects: LabProject[] = [];
  const log = recordingLog();
  let lab: BackupLab;
  let api: SupabaseApi;
  let source: LabProject;
  let production: Project;
  let made: BackupResult;

  const project = async (name: string): Promise<LabProject> => {
    const one = await createProject(server.superuserUrl(), `${name}_${process.pid}`);
    projects.push(one);
    return one;
  };
  const env = (token = api.token, url = api.url) => ({
    ...{ SUPABASE_ACCESS_TOKEN: token, SUPABASE_API_URL: url, SUPABASE_PROJECT_REF: production.ref },
  });
  const backUpWith = async (change: Record<string, string | undefined>, more = {}) =>
    backUp(lab, source.backupUrl, { config: await lab.config(source.backupUrl, change), ...more });
  const opened = (result: BackupResult, privateKey = lab.operations) =>
    openSet(lab.vault, result.set, { trustedSigners: lab.signers, privateKey });
  const configurationOf = async (result: BackupResult): Promise<Configuration> =>
    (await readConfiguration(await opened(result))) ?? expect.fail("the set has none");
  const missingIn = ({ sections }: Configuration) =>
    sections.flatMap(({ section, missing }) => (missing === undefined ? [] : [`${section}: ${missing}`]));
  const kinds = (result: BackupResult) => result.artifacts.map(({ kind }) => kind);
  const verified = (result: BackupResult, privateKey: UnlockedKey) =>
    verifySet(lab.vault, result.set, { trustedSigners: lab.signers, deep: true, privateKey }, silentLog);

  beforeAll(async () => {
    const configuration = { vaultRootKey: true };
    lab = await openBackupLab(sharedS3(), { policy: (policy) => ({ ...policy, recovery: { configuration } }) });
    api = await startSupabaseApi();
    api.world.limit = 100_000;
    production = addProject(api.world);
    configure(production, Date.now());
    source = await project("configured");
    made = await backUpWith(env(), { log });
  });
  afterAll(async () => {
    for (const { name } of projects) await dropProject(server.superuserUrl(), name);
    await api?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  test("is in the set, whole, with the bodies of functions, and told to nobody on the way", async () => {
    const configuration = await configurationOf(made);
    expect(missingIn(configuration)).toEqual([]);
    expect(configuration.fields.filter(({ section }) => section === "auth").length).toBe(237);
    const set = await opened(made);
    const bodies = configuration.functions.map((one) => readFunctionBody(set, one));
    expect(await Promise.all(bodies)).toEqual([bundles.grade, bundles.mail]);
    expect(JSON.stringify(configuration)).not.toContain(authSecret("smtp_pass"));
    expect(made.warnings.filter((line) => /configuration/.test(line))).toEqual([]);
    const secrets = [
      ...Object.values(ownerSecrets),
      "the value of",
      production.jwtSecret,
      production.rootKey,
      api.token,
    ];
    for (const text of [JSON.stringify(configuration), JSON.stringify(made), log.lines.join("\n")])
      for (const secret of secrets.filter((one) => one !== "the value of" || text !== JSON.stringify(configuration)))
        expect(text).not.toContain(secret);
  });

  test("opens with the prover's key too, but for the root key of Vault, which operations and escrow alone open", async () => {
    expect(await readConfiguration(await opened(made, lab.prover))).toEqual(await configurationOf(made));
    expect(await readRootKey(await opened(made, lab.prover))).toBeUndefined();
    expect(await readRootKey(await opened(made))).toBe(production.rootKey);
    expect((await configurationOf(made)).fields).toContainEqual({
      ...{ section: "vault", field: "root_key" },
      hashed: createHash("sha256").update(production.rootKey).digest("hex"),
    });
  });

  test("keeps nothing else from being verified and restored, by either key", async () => {
    for (const key of [lab.operations, lab.prover]) expect((await verified(made, key)).outcome).toBe("whole");
    const [byProver, byOperations] = [await project("configured_prover"), await project("configured_operations")];
    const prover = { RESTORE_PRIVATE_KEY: lab.prover.key.armor() };
    expect((await restoreInto(lab, byProver.postgresUrl, { ref: made.set, env: prover })).outcome).toBe("equal");
    expect((await restoreInto(lab, byOperations.postgresUrl, { ref: made.set })).outcome).toBe("equal");
  });

  test("comes back into another project by the set alone", async () => {
    const target = addProject(api.world);
    const set = await opened(made);
    const configuration = await configurationOf(made);
    const rows = await carryConfiguration({
      api: openManagementApi({ url: api.url, token: new Secret(api.token), spacing: 0 }),
      ...{ ref: target.ref, configuration, goLive: true, log: silentLog },
      supplied: new Map(Object.entries(ownerSecrets).map(([name, value]) => [`secret:${name}`, value])),
      bodyOf: (one) => readFunctionBody(set, one),
    });
    expect(rows.filter(({ outcome }) => outcome === "refused")).toEqual([]);
    expect(rows.length).toBe(configuration.fields.length + configuration.functions.length);
    expect(target.auth["jwt_exp"]).toBe(production.auth["jwt_exp"]);
    expect([...target.functions.keys()]).toEqual(["grade", "mail"]);
  });

  test("is read by RECOVER.md with gpg and jq", async () => {
    await using machine = await openRecoveryMachine(lab, server.binDir);
    const page = await recoverPageOf(lab.vault, made.prefix);
    const apart = /^checked_keys .*secrets\.pgp$/m.exec(page)?.[0];
    const steps = `${page.slice(0, page.indexOf("\n## 5."))}\n\`\`\`sh\n${apart}\n\`\`\`\n`;
    const ours = page.slice(page.indexOf("\n## The project's configuration")).replaceAll("```bash", "```sh");
    const shown = "```sh\nsha256sum function.eszip\n```\n";
    const { stdout } = await machine.follow(`${steps}\n${ours}\n${shown}`, {
      ...{
        TARGET_DATABASE_URL: (await project("configured_page")).postgresUrl,
        WORK: join(lab.folder, "configuration"),
      },
    });
    for (const line of [
      "auth\tjwt_exp\t41",
      `secrets\tSTRIPE_KEY`,
      "postgrest\tjwt_secret\ta secret, which the API gave as it is: not kept",
      production.rootKey,
      `${createHash("sha256").update(bundles.grade).digest("hex")}  function.eszip`,
    ])
      expect(stdout.split("\n")).toContain(line);
  });

  test("is less where the token may read less: the set says which part, and the run warns", async () => {
    const token = addToken(api.world, { permissions: ["data_api_config_read", "organization_admin_read"] }).value;
    const less = await backUpWith(env(token));
    const missing = missingIn(await configurationOf(less));
    expect(missing).toContain("auth: SUPABASE_ACCESS_TOKEN lacks auth_config_read");
    expect(missing.some((line) => line.startsWith("postgrest"))).toBe(false);
    expect(less.warnings.join("\n")).toMatch(/auth.*auth_config_read/);
  });

  test("is missing where no token was given, or the API is not there, and the set is made all the same", async () => {
    const without = await backUpWith({});
    expect(kinds(without)).not.toContain("configuration");
    expect(await readConfiguration(await opened(without))).toBeUndefined();
    expect(await recoverPageOf(lab.vault, without.prefix)).toMatch(/not in this set: no access token/);
    const dead = await backUpWith(env(api.token, "http://127.0.0.1:9"));
    expect((await configurationOf(dead)).fields).toEqual([]);
    expect(dead.warnings.join("\n")).toMatch(/gave no answer/);
    const unsafe = await backUpWith(env(api.token, "http://api.example"));
    expect(unsafe.warnings.join("\n")).toMatch(/not https/);
    expect(kinds(unsafe)).not.toContain("configuration");
  });

  test("takes nothing from answers that are none: pages, depth without end, more than any has, other forms", async () => {
    const { faults } = api.world;
    const fault = (part: string, kind: Parameters<typeof faults.inject>[0]["kind"]) =>
      faults.inject({ kind, on: new RegExp(`^GET .*${part}$`) });
    fault("/config/auth", "huge");
    fault("/postgrest", "deep");
    fault("/config/realtime", { status: 200, json: "a text" });
    fault("/functions", { status: 200, json: [{ slug: "../up" }, { slug: "grade", ezbr_sha256: 7 }] });
    fault("/config/storage", { status: 200, json: JSON.parse('{"__proto__": {"polluted": true}}') });
    fault("/functions/grade/body", "page");
    try {
      const strange = await backUpWith(env());
      const configuration = await configurationOf(strange);
      expect(missingIn(configuration).map((line) => line.split(":")[0])).toEqual([
        ...["auth", "postgrest", "realtime", "functions"],
      ]);
      expect(configuration.fields).toContainEqual({
        ...{ section: "storage", field: "__proto__", value: { polluted: true } },
      });
      expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
      expect((await verified(strange, lab.prover)).outcome).toBe("whole");
    } finally {
      faults.clear();
    }
  });
});
