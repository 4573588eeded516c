import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Log, silentLog } from "../../actions/lib/base/log.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { rewrapSets } from "../../actions/lib/operations/keys/rewrap.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import type { PinnedRecipient } from "../../actions/lib/seal/keys/pins.ts";
import { readPrivateKey, type UnlockedKey } from "../../actions/lib/seal/keys/private-key.ts";
import { wrappedKeyIds } from "../../actions/lib/seal/keys/session-key.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { openSet } from "../../actions/lib/vault/sets/open-set.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { newTestKey } from "./assembled-set.ts";
import { type BackupLab, backUp, openBackupLab, recordingLog } from "./backup-lab.ts";
import { restoreInto, told } from "./restore-lab.ts";

const value = 'sk_live_"quoted"\\x01,\n and a second line';
const hidden = /sk_live_|stripe key|nameless-value/;

describe("the secrets of Supabase's Vault", () => {
  const server = sharedPostgres(17);
  const projects: LabProject[] = [];
  const log = recordingLog();
  let lab: BackupLab;
  let source: LabProject;
  let [made, older]: BackupResult[] = [];

  const project = async (name: string): Promise<LabProject> => {
    const one = await createProject(server.superuserUrl(), `${name}_${process.pid}`);
    projects.push(one);
    return one;
  };
  const setOf = (result = made): string => result?.set ?? "";
  const at = (name: string, result = made): string => `${result?.prefix}${name}`;
  const verify = (privateKey?: UnlockedKey) =>
    verifySet(
      lab.vault,
      setOf(),
      { trustedSigners: lab.signers, deep: privateKey !== undefined, privateKey },
      silentLog,
    );
  const secretsIn = (one: LabProject) =>
    withClient(one.postgresUrl, async (client) => {
      const query = "select name, description, decrypted_secret as secret from vault.decrypted_secrets order by name";
      return (await client.query(query)).rows;
    });

  beforeAll(async () => {
    lab = await openBackupLab(sharedS3());
    source = await project("secrets_of");
    older = await backUp(lab, source.backupUrl);
    await withClient(source.postgresUrl, async (client) => {
      await client.query("select vault.create_secret($1, 'stripe key', 'for payments')", [value]);
      await client.query("select vault.create_secret('nameless-value')");
    });
    made = await backUp(lab, source.backupUrl, { log, tier: "weekly", acceptShrinkage: true });
  });
  afterAll(async () => {
    for (const { name } of projects) await dropProject(server.superuserUrl(), name);
    await lab?.[Symbol.asyncDispose]();
  });

  async function opened(privateKey: UnlockedKey): Promise<{ readonly closed: string[]; readonly told: string[] }> {
    const found = { closed: [] as string[], told: [] as string[] };
    const set = await openSet(lab.vault, setOf(), { trustedSigners: lab.signers, privateKey });
    for (const { name } of set.manifest.artifacts) {
      const chunks: Uint8Array[] = [];
      try {
        for await (const chunk of set.artifact(name)) chunks.push(Buffer.from(chunk));
      } catch (error) {
        expect(error).toMatchObject({ code: "wrong-private-key" });
        found.closed.push(name);
      }
      if (hidden.test(Buffer.concat(chunks).toString("latin1"))) found.told.push(name);
    }
    return found;
  }

  test("are in what the operations key opens, and in nothing that the prover's key opens", async () => {
    expect(await opened(lab.prover)).toEqual({ closed: ["secrets/vault.ndjson.zst.pgp"], told: [] });
    expect(await opened(lab.operations)).toEqual({ closed: [], told: ["secrets/vault.ndjson.zst.pgp"] });
    expect(log.lines.join("\n")).not.toMatch(hidden);
  });

  test("leave no trace in the form of a set whose Vault is empty: the same objects are there", () => {
    const names = (result?: BackupResult) => result?.artifacts.filter(({ kind }) => kind === "secrets").length;
    expect([names(older), names(made)]).toEqual([1, 1]);
  });

  test("are told as not looked at by the prover's deep verification, and counted by the operations key's", async () => {
    const prover = await verify(lab.prover);
    expect(prover.outcome).toBe("whole");
    expect(prover.findings.map(({ code }) => code)).toContain("secrets-closed");
    const operations = await verify(lab.operations);
    expect(operations.outcome).toBe("whole");
    expect(operations.findings.map(({ code }) => code)).not.toContain("secrets-closed");
  });

  test("come with a restore by the operations key, and are named by one with the prover's", async () => {
    const [without, whole] = [await project("secrets_prover"), await project("secrets_operations")];
    const byProver = await restoreInto(lab, without.postgresUrl, {
      ...{ ref: setOf(), log },
      env: { RESTORE_PRIVATE_KEY: lab.prover.key.armor() },
    });
    expect(byProver.outcome).toBe("equal");
    expect(told(byProver, "expected").join("\n")).toMatch(
      /vault\.secrets: .*only the operations and escrow keys .*not proven/,
    );
    expect(byProver.byHand.join("\n")).toMatch(/2 Vault secrets are not here/);
    expect(await secretsIn(without)).toEqual([]);
    const result = await restoreInto(lab, whole.postgresUrl, { ref: setOf(), log });
    expect(result.outcome).toBe("equal");
    expect(told(result, "expected").join("\n")).toMatch(/2 Vault secrets made anew .* compared/);
    expect(await secretsIn(whole)).toEqual([
      { name: "stripe key", description: "for payments", secret: value },
      { name: null, description: "", secret: "nameless-value" },
    ]);
    expect(JSON.stringify([byProver, result]) + log.lines.join("\n")).not.toMatch(hidden);
  });

  test("are here once, and as the set has them, after a restore that is run again over what an earlier attempt left", async () => {
    const target = await project("secrets_again");
    const again = (options = {}) => restoreInto(lab, target.postgresUrl, { ref: setOf(), ...options });
    const stop = new AbortController();
    const killing: Log = {
      ...silentLog,
      group: async (title, work) => {
        if (title === "prove") stop.abort();
        return work();
      },
    };
    await expect(again({ log: killing, signal: stop.signal })).rejects.toThrow();
    const whole = await secretsIn(target);
    expect(whole).toHaveLength(2);
    await execute(server.superuserUrl(target.name), `alter database ${target.name} set lab.home = 'yes'`);
    expect((await again()).outcome).toBe("differs");
    expect(await secretsIn(target)).toEqual(whole);
    // Another root key, as a clone has it: nothing opens any more.
    await execute(
      server.superuserUrl(target.name),
      `alter role supabase_admin in database ${target.name} set lab.vault_root_key = 'another'`,
    );
    await expect(secretsIn(target)).rejects.toThrow();
    expect(told(await again(), "expected").join("\n")).toMatch(/2 Vault secrets made anew .* compared/);
    expect(await secretsIn(target)).toEqual(whole);
    // One is lost, one has another value, one is somebody's own.
    await withClient(target.postgresUrl, async (client) => {
      await client.query("delete from vault.secrets where name is null");
      await client.query("select vault.update_secret(id, 'changed') from vault.secrets");
      await client.query("select vault.create_secret('mine', 'somebody''s own')");
    });
    const meddled = await again();
    expect(told(meddled, "failed").join("\n")).toMatch(
      /vault\.secrets: .*1 of 2 have another value or description here, which was left; 1 secret more than in the set/,
    );
    expect(await secretsIn(target)).toMatchObject([
      { name: "somebody's own", secret: "mine" },
      { name: "stripe key", secret: "changed" },
      { name: null, secret: "nameless-value" },
    ]);
    await execute(target.postgresUrl, "delete from vault.secrets where name is not null");
    await execute(server.superuserUrl(target.name), `alter database ${target.name} reset lab.home`);
    expect((await again()).outcome).toBe("equal");
    expect(await secretsIn(target)).toEqual(whole);
  });

  test("are sealed anew only by a key that opens them, and again to operations and escrow alone", async () => {
    const keyring = await readKeyring(lab.publicKeys);
    const sealed = await lab.vault.get(at("secrets.pgp"));
    const roleOf = (fingerprint: string): PinnedRecipient["role"] | undefined =>
      (({ [lab.operations.fingerprint]: "operations", [lab.prover.fingerprint]: "prover" }) as const)[fingerprint];
    const successor = await newTestKey("escrow");
    const recipients = [
      ...keyring.recipients.flatMap((one) => {
        const role = roleOf(one.fingerprint);
        return role === undefined ? [] : [{ ...one, role }];
      }),
      ...successor.recipients.map((one) => ({ ...one, role: "escrow" as const })),
    ];
    const env = lab.env(source.backupUrl);
    const signingKey = await readPrivateKey(env["BACKUP_SIGNING_KEY"] ?? "", env["BACKUP_SIGNING_PASSPHRASE"] ?? "");
    const rewrap = (privateKey: UnlockedKey) =>
      rewrapSets({
        ...{ vault: lab.vault, sets: [setOf()], privateKey, recipients, signingKey, trusted: lab.signers, log },
        verifyRelease: (bytes, armored) => verifyDetached(bytes, armored, lab.signers),
      });
    expect((await rewrap(lab.prover))[0]?.problem?.code).toBe("wrong-private-key");
    expect((await lab.vault.get(at("secrets.pgp"))).body).toEqual(sealed.body);
    expect((await rewrap(lab.operations))[0]).toMatchObject({ outcome: "rewrapped", problem: null });
    expect(await wrappedKeyIds((await lab.vault.get(at("secrets.pgp"))).body)).toHaveLength(2);
    expect(await wrappedKeyIds((await lab.vault.get(at("keys.pgp"))).body)).toHaveLength(3);
    expect((await opened(successor.unlocked)).told).toEqual(["secrets/vault.ndjson.zst.pgp"]);
  });

  test.each([
    ["that of another set", "signature-invalid", async () => lab.vault.get(at("secrets.pgp", older))],
    ["the set's own keys.pgp", "signature-invalid", async () => lab.vault.get(at("keys.pgp"))],
    ["one without a signature", "keys-unsigned", async () => ({ body: (await lab.vault.get(at("secrets.pgp"))).body })],
    ["no keys at all", "keys-unsigned", async () => ({ body: Buffer.from("select 1") })],
  ] as const)("are refused where secrets.pgp is %s", async (_what, code, other) => {
    const { body, metadata } = await lab.vault.get(at("secrets.pgp"));
    const put = await other();
    await lab.vault.put(at("secrets.pgp"), put.body, "metadata" in put ? { metadata: put.metadata ?? {} } : {});
    try {
      const { outcome, findings } = await verify();
      expect(outcome).toBe("damaged");
      expect(findings.filter(({ severity }) => severity === "damage")).toMatchObject([{ where: "secrets.pgp", code }]);
      const set = await openSet(lab.vault, setOf(), { trustedSigners: lab.signers, privateKey: lab.operations });
      await expect(set.artifact("secrets/vault.ndjson.zst.pgp").next()).rejects.toMatchObject({ code });
    } finally {
      await lab.vault.put(at("secrets.pgp"), body, { metadata: metadata ?? {} });
    }
  });

  test("are told as lost, and keep nothing else from being restored, where they were poisoned", async () => {
    const target = await project("secrets_poisoned");
    const sealed = at("secrets/vault.ndjson.zst.pgp");
    const { body } = await lab.vault.get(sealed);
    await lab.vault.put(sealed, Buffer.from(body).reverse());
    try {
      const result = await restoreInto(lab, target.postgresUrl, { ref: setOf() });
      expect(result.outcome).toBe("differs");
      expect(told(result, "failed")).toEqual([expect.stringMatching(/^table vault\.secrets: rows: 2 rows stay/)]);
      expect(await secretsIn(target)).toEqual([]);
    } finally {
      await lab.vault.put(sealed, body);
    }
  });

  test("are looked for only in a Vault of superusers: code in anybody's own schema of that name is never run", async () => {
    const name = `own_vault_${process.pid}`;
    await execute(server.superuserUrl(), `create database ${name} template template0 encoding 'UTF8'`);
    const url = server.superuserUrl(name);
    await execute(
      url,
      `create role ${name} nologin; create schema vault authorization ${name}; set role ${name};
       create table vault.secrets (id uuid primary key default gen_random_uuid(), name text, description text,
         secret text, nonce bytea, created_at timestamptz default now());
       create function vault.knock() returns text language plpgsql as $$ begin raise exception 'run by %', current_user; end $$;
       create view vault.decrypted_secrets as select *, vault.knock() as decrypted_secret from vault.secrets;
       insert into vault.secrets (name, secret) values ('mine', 'an ordinary row')`,
    );
    try {
      const result = await backUp(lab, url, { acceptShrinkage: true });
      expect(result.warnings.join("\n")).not.toContain("Vault");
      expect(result.artifacts.some(({ kind }) => kind === "secrets")).toBe(false);
      const ref = { trustedSigners: lab.signers, privateKey: lab.prover, deep: true };
      expect((await verifySet(lab.vault, result.set, ref, silentLog)).outcome).toBe("whole");
    } finally {
      await execute(server.superuserUrl(), `drop database ${name} with (force)`);
      await execute(server.superuserUrl(), `drop role ${name}`);
    }
  });
});
