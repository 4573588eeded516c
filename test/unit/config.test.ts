import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { parseConnectionUrl, refOfUrl } from "../../actions/lib/config/connection-url.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

const root = process.cwd();
const key = "-----BEGIN PGP PRIVATE KEY BLOCK-----\nkey\n-----END PGP PRIVATE KEY BLOCK-----";
const complete = {
  DATABASE_URL: "postgresql://lifeboat_backup.abc:p%40ss@aws-0-us-east-1.pooler.supabase.com:5432/postgres",
  S3_BACKUP_BUCKET: "bucket",
  AWS_REGION: "us-east-1",
  BACKUP_SIGNING_KEY: key,
  BACKUP_SIGNING_PASSPHRASE: "s3cret",
};

async function problemOf(work: () => unknown): Promise<ConfigurationError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error("It was accepted.");
}

describe("the configuration", () => {
  test("of the repository's own policy is complete and frozen", async () => {
    const config = await loadConfig({ needs: ["source", "vault", "signing"], env: complete, cwd: root });
    expect(config.policy.regions[0]).toBe("us-east-1");
    expect(config.policy.tiers.daily.retentionDays).toBe(30);
    expect(Object.isFrozen(config) && Object.isFrozen(config.policy.source)).toBe(true);
    expect(config.source).toMatchObject({ user: "lifeboat_backup.abc", port: 5432, tls: { mode: "verify-full" } });
  });

  test("never prints a secret, however it is printed", async () => {
    const config = await loadConfig({ needs: ["source", "vault", "signing"], env: complete, cwd: root });
    const { env: _environment, ...rest } = config;
    for (const text of [JSON.stringify(rest), inspect(rest, { depth: 9 }), `${config.source.password}`]) {
      expect(text).not.toMatch(/p@ss|s3cret|BEGIN PGP PRIVATE/);
    }
  });

  test("knows a project's files by the prefix of its variables, and refuses to send them in the clear", async () => {
    const storage = (prefix: string, endpoint: string) => ({
      [`${prefix}_STORAGE_ENDPOINT`]: endpoint,
      [`${prefix}_STORAGE_REGION`]: "eu-west-1",
      [`${prefix}_STORAGE_ACCESS_KEY_ID`]: "id",
      [`${prefix}_STORAGE_SECRET_ACCESS_KEY`]: "s3cret",
    });
    const endpoint = "https://abcdefghijklmnopqrst.storage.supabase.co/storage/v1/s3/";
    const config = await loadConfig({
      needs: ["storageVault", "sourceStorage", "targetStorage"],
      env: {
        ...{ S3_STORAGE_BUCKET: "files", AWS_REGION: "us-east-1" },
        ...storage("SUPABASE", endpoint),
        ...storage("STAGING", "http://127.0.0.1:5000/storage/v1/s3"),
      },
      cwd: root,
      target: "staging",
    });
    expect(config.storageVault.bucket).toBe("files");
    expect(refOfUrl(config.sourceStorage.endpoint)).toBe("abcdefghijklmnopqrst");
    expect(refOfUrl(config.targetStorage.endpoint)).toBeUndefined();
    expect(config.targetStorage.prefix).toBe("STAGING");
    expect(inspect(config.targetStorage, { depth: 9 })).not.toContain("s3cret");
    const env = { ...storage("TARGET", "http://files.example/storage/v1/s3"), TARGET_STORAGE_REGION: "" };
    const problem = await problemOf(() => loadConfig({ needs: ["targetStorage"], env, cwd: root }));
    expect(problem.message).toMatch(/TARGET_STORAGE_ENDPOINT: is not encrypted/);
    expect(problem.message).toMatch(/TARGET_STORAGE_REGION: is not set/);
  });

  test("lists every problem at once, and no setting's value", async () => {
    const env = {
      DATABASE_URL: "postgres://u:hunter2@db.abc.supabase.co:6543/x",
      AWS_ACCESS_KEY_ID: "AKIAXYZ",
      BACKUP_SIGNING_KEY: "hunter2",
    };
    const problem = await problemOf(() =>
      loadConfig({ needs: ["source", "vault", "signing", "opening", "target"], env, cwd: root }),
    );
    for (const name of [
      "DATABASE_URL",
      "S3_BACKUP_BUCKET",
      "AWS_REGION",
      "AWS_ACCESS_KEY_ID",
      "BACKUP_SIGNING_KEY",
      "RESTORE_PRIVATE_KEY",
      "TARGET_DATABASE_URL",
    ]) {
      expect(problem.message).toContain(name);
    }
    expect(problem.message).not.toMatch(/hunter2|AKIAXYZ/);
  });

  test("takes an empty variable, as an unset GitHub secret is, for one that is not set", async () => {
    const problem = await problemOf(() =>
      loadConfig({ needs: ["vault"], env: { ...complete, S3_BACKUP_BUCKET: "" }, cwd: root }),
    );
    expect(problem.message).toContain("S3_BACKUP_BUCKET");
  });

  test("reads only what is needed", async () => {
    const config = await loadConfig({
      needs: ["vault"],
      env: { S3_BACKUP_BUCKET: "b", AWS_REGION: "us-east-1" },
      cwd: root,
    });
    expect(config.vault).toMatchObject({ bucket: "b", region: "us-east-1", endpoint: undefined });
    expect(config).not.toHaveProperty("source");
  });

  test.each(["torn.json", "torn.ts"])(
    "says of a policy that cannot be read (%s) where it is, and quotes nothing of it",
    async (name) => {
      const path = join(folder, name);
      writeFileSync(path, "export { s3cret");
      const problem = await problemOf(() => loadConfig({ needs: [], env: { LIFEBOAT_POLICY: path }, cwd: root }));
      expect(problem).toMatchObject({ code: "policy-unreadable", exitCode: 2 });
      expect(problem.message).toContain(path);
      expect(`${problem.message} ${problem.next}`).not.toMatch(/s3cret/);
    },
  );

  test("reads another policy where LIFEBOAT_POLICY points, and names what is wrong in it", async () => {
    const path = join(folder, "policy.json");
    writeFileSync(path, JSON.stringify({ regions: [], surprise: 1 }));
    const problem = await problemOf(() => loadConfig({ needs: [], env: { LIFEBOAT_POLICY: path }, cwd: root }));
    expect(problem.message).toMatch(/policy tiers/);
    expect(problem.message).toMatch(/surprise/);
  });

  test("tells whoever still says storage.upkeep what it is called now", async () => {
    const path = join(folder, "former.json");
    writeFileSync(path, JSON.stringify({ storage: { upkeep: { lockDays: 60 } } }));
    const problem = await problemOf(() => loadConfig({ needs: [], env: { LIFEBOAT_POLICY: path }, cwd: root }));
    expect(problem.message).toMatch(/policy storage\.upkeep: is called storage\.retention now/);
  });

  test("tells whoever still says storage.retention.keepNewest or staleDays where they have moved", async () => {
    const path = join(folder, "moved.json");
    writeFileSync(path, JSON.stringify({ storage: { retention: { keepNewest: 3, staleDays: 7 } } }));
    const problem = await problemOf(() => loadConfig({ needs: [], env: { LIFEBOAT_POLICY: path }, cwd: root }));
    expect(problem.message).toMatch(/keepNewest: has moved to retention\.keepNewest/);
    expect(problem.message).toMatch(/staleDays: has moved to retention\.staleDays/);
  });

  test.each([
    [
      "no days",
      { tiers: { daily: { retentionDays: 0 } } },
      /tiers\.daily\.retentionDays: a whole number of days from 1/,
    ],
    ["half a day", { tiers: { daily: { retentionDays: 0.5 } } }, /retentionDays: a whole number of days/],
    ["as a text", { tiers: { daily: { retentionDays: "30" } } }, /retentionDays: a whole number of days/],
    ["a million years", { tiers: { monthly: { retentionDays: 4e8 } } }, /monthly\.retentionDays: .* to 36525/],
    ["no tiers", {}, /policy tiers/],
    ["a tier of its own", { tiers: { hourly: { retentionDays: 1 } } }, /hourly/],
    ["none of the newest", { retention: { keepNewest: 0 } }, /keepNewest: at least 1/],
    ["proofs for no days", { retention: { records: { proofs: 0 } } }, /records\.proofs: a whole number of days/],
    ["stale at once", { retention: { staleDays: -1 } }, /staleDays: a whole number of days/],
  ])("refuses a policy of retention with %s", async (_, policy, message) => {
    const path = join(folder, "impossible.json");
    writeFileSync(path, JSON.stringify(policy));
    const problem = await problemOf(() => loadConfig({ needs: [], env: { LIFEBOAT_POLICY: path }, cwd: root }));
    expect(problem.message).toMatch(message);
  });

  test("refuses a target that the policy does not know", async () => {
    const problem = await problemOf(() => loadConfig({ needs: ["target"], env: {}, cwd: root, target: "production" }));
    expect(problem.message).toContain("default, staging");
  });
});

describe("a connection string", () => {
  test.each([
    ["postgresql://u@h/db?host=/run/pg", { host: "/run/pg", tls: { mode: "off" } }],
    ["postgres://u:p@[::1]:5433/db", { host: "::1", port: 5433, database: "db", tls: { mode: "off" } }],
    ["postgresql://u@%2Frun%2Fpg/db", { host: "/run/pg", database: "db" }],
    ["postgresql://u@/db?host=/run/pg&port=5499", { host: "/run/pg", port: 5499 }],
    ["postgresql://u@localhost", { database: "postgres", port: 5432, tls: { mode: "off" } }],
    ["postgresql://u@localhost/db?sslmode=require", { tls: { mode: "verify-full", ca: undefined } }],
    ["postgresql://u@db.example.com/db?sslmode=prefer", { tls: { mode: "verify-full", ca: undefined } }],
  ] as const)("is understood: %s", (text, expected) => {
    expect(parseConnectionUrl(text)).toMatchObject(expected);
  });

  test.each([
    ["postgresql://u:p@aws-0-eu.pooler.supabase.com:6543/postgres", "transaction-pooler"],
    ["postgresql://u:p@h:5432/postgres?pgbouncer=true", "transaction-pooler"],
    ["postgresql://u:p@db.example.com/postgres?sslmode=disable", "tls-off"],
    ["https://example.com", "connection-url"],
    ["postgresql://h/db", "connection-url"],
    ["postgresql://u:100%@h/db", "connection-url"],
    ["postgresql://u@a,b/db", "connection-url"],
    ["postgresql://u@h:port/db", "connection-url"],
  ])("is refused: %s", async (text, code) => {
    expect((await problemOf(() => parseConnectionUrl(text))).code).toBe(code);
  });

  test("to the transaction pooler is answered with the session pooler's form", async () => {
    const problem = await problemOf(() =>
      parseConnectionUrl("postgresql://postgres:p@db.abcdef.supabase.co:6543/postgres"),
    );
    expect(problem.next).toContain("postgres.abcdef");
    expect(problem.next).toContain("pooler.supabase.com, port 5432");
  });

  test("takes the TLS root as PEM or as a path, and nothing else", async () => {
    const pem = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";
    const path = join(folder, "root.crt");
    writeFileSync(path, pem);
    for (const ca of [pem, path]) {
      expect(parseConnectionUrl("postgresql://u@db.example.com/x", ca).tls).toEqual({ mode: "verify-full", ca: pem });
    }
    expect((await problemOf(() => parseConnectionUrl("postgresql://u@db.example.com/x", "/no/such/file"))).code).toBe(
      "tls-root",
    );
  });
});
