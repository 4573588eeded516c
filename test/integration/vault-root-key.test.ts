import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { Secret } from "../../actions/lib/config/problems.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { bringRootKey, makeClosedSecrets } from "../../actions/lib/operations/configuration/vault-key.ts";
import { connect } from "../../actions/lib/postgres/connect/connect.ts";
import { openManagementApi } from "../../actions/lib/supabase/management-api.ts";
import { openSet } from "../../actions/lib/vault/sets/open-set.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import {
  addProject,
  backByLab,
  type LabBacking,
  type Project,
  type SupabaseApi,
  startSupabaseApi,
  VirtualClock,
} from "../lab/supabase-api/index.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";

describe("Vault's secrets that the backup role may not open", () => {
  const server = sharedPostgres(17);
  const projects: LabProject[] = [];
  let lab: BackupLab;
  let supabase: SupabaseApi;
  let backing: LabBacking;
  let production: Project;
  let [made, without]: BackupResult[] = [];

  const behind = async (name: string): Promise<{ project: Project; lab: LabProject }> => {
    const one = await createProject(server.superuserUrl(), `${name}_${process.pid}`);
    projects.push(one);
    const project = addProject(supabase.world, { name });
    await backing.adopt(project, one);
    return { project, lab: one };
  };
  const api = () => openManagementApi({ url: supabase.url, token: new Secret(supabase.token), spacing: 0 });
  const opened = (result = made) =>
    openSet(lab.vault, result?.set ?? "", { trustedSigners: lab.signers, privateKey: lab.operations });
  const { signal } = new AbortController();
  const connector =
    ({ postgresUrl }: LabProject) =>
    () =>
      connect(parseConnectionUrl(postgresUrl), { applicationName: "test", log: silentLog, signal });
  const bringing = (to: { project: Project; lab: LabProject }, key?: string) => ({
    ...{
      api: api(),
      ref: to.project.ref,
      key,
      connect: connector(to.lab),
      clock: new VirtualClock(),
      log: silentLog,
      signal,
    },
  });
  const secretsIn = (one: LabProject) =>
    withClient(one.postgresUrl, async (client) => {
      const query = "select name, description, decrypted_secret as secret from vault.decrypted_secrets order by name";
      return (await client.query(query)).rows;
    });

  beforeAll(async () => {
    const configuration = { vaultRootKey: true };
    lab = await openBackupLab(sharedS3(), { policy: (policy) => ({ ...policy, recovery: { configuration } }) });
    supabase = await startSupabaseApi();
    supabase.world.limit = 100_000;
    backing = await backByLab(supabase.world, server.superuserUrl());
    const source = await behind("closed_vault");
    production = source.project;
    await api().send("PUT", `/v1/projects/${production.ref}/pgsodium`, { root_key: "5e".repeat(32) });
    await execute(
      source.lab.superuserUrl,
      "revoke execute on function vault._crypto_aead_det_decrypt from lifeboat_backup",
    );
    await withClient(source.lab.postgresUrl, async (client) => {
      await client.query("select vault.create_secret('the stripe key', 'stripe', 'for payments')");
      await client.query("select vault.create_secret('a nameless one')");
    });
    const env = { SUPABASE_ACCESS_TOKEN: supabase.token, SUPABASE_API_URL: supabase.url };
    const change = { ...env, SUPABASE_PROJECT_REF: production.ref };
    const { backupUrl } = source.lab;
    made = await backUp(lab, backupUrl, { config: await lab.config(backupUrl, change) });
    without = await backUp(lab, backupUrl);
  });
  afterAll(async () => {
    for (const { name } of projects) await dropProject(server.superuserUrl(), name);
    await supabase?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  test("open by the root key that the set has, and are made anew without leaving the database", async () => {
    const target = await behind("vault_by_key");
    const set = await opened();
    expect(await bringRootKey(set, bringing(target))).toBeUndefined();
    expect(await makeClosedSecrets(set, connector(target.lab))).toEqual({ closed: 2, made: 2 });
    const secrets = [
      { name: "stripe", description: "for payments", secret: "the stripe key" },
      { name: null, description: "", secret: "a nameless one" },
    ];
    expect(await secretsIn(target.lab)).toEqual(secrets);
    expect(await makeClosedSecrets(set, connector(target.lab))).toEqual({ closed: 2, made: 2 });
    expect(await secretsIn(target.lab)).toEqual(secrets);
  });

  test("open by the key that was in escrow; by another they do not, and the project keeps its own", async () => {
    const target = await behind("vault_by_escrow");
    const set = await opened(without);
    const own = await backing.rootKey(target.project);
    expect(await bringRootKey(set, bringing(target))).toMatch(/neither the set nor escrow/);
    expect(await bringRootKey(set, bringing(target, "0f".repeat(32)))).toMatch(/does not open 2 Vault secrets/);
    expect(await backing.rootKey(target.project)).toBe(own ?? target.project.rootKey);
    expect(await makeClosedSecrets(set, connector(target.lab))).toEqual({ closed: 2, made: 0 });
    expect(await bringRootKey(set, bringing(target, "5e".repeat(32)))).toBeUndefined();
    expect(await makeClosedSecrets(set, connector(target.lab))).toEqual({ closed: 2, made: 2 });
  });

  test("cost a project that has secrets of its own nothing: its key stays", async () => {
    const target = await behind("vault_in_use");
    await withClient(target.lab.postgresUrl, (client) => client.query("select vault.create_secret('mine', 'mine')"));
    expect(await bringRootKey(await opened(), bringing(target))).toMatch(/secrets of its own already/);
    expect(await secretsIn(target.lab)).toEqual([{ name: "mine", description: "", secret: "mine" }]);
  });
});
