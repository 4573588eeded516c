import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import type { CheckRow } from "../../actions/lib/operations/check/check-row.ts";
import { runPreflight } from "../../actions/lib/operations/check/run-preflight.ts";
import { generateKey } from "../../actions/lib/seal/keys/private-key.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { startHttpFaultProxy } from "../faults/proxy/http-proxy.ts";
import { createProject, execute, type LabProject, urlFor } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, keysIn, openBackupLab } from "./backup-lab.ts";
import { selfSigned } from "./preflight-certificate.ts";

const name = `preflight_${process.pid}`;
let lab: BackupLab;
let project: LabProject;
let own: RunningPostgres;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  // Its own cluster: roles are made here, and roles of the shared one show in everybody's comparisons.
  own = await startPostgres(17);
  project = await createProject(own.superuserUrl(), name);
  await execute(
    project.postgresUrl,
    "create table public.grades (id int primary key); alter table public.grades enable row level security",
  );
});
afterAll(async () => {
  await own.stop();
  await lab[Symbol.asyncDispose]();
});

async function look(
  url: string,
  change: Record<string, string | undefined> = {},
  where: BackupLab = lab,
): Promise<readonly CheckRow[]> {
  const config = await where.config(url, change);
  using vault = openVault(config.vault);
  const { rows, ready } = await runPreflight(config, vault, silentLog);
  expect(ready === undefined).toBe(rows.some(({ status }) => status === "fail"));
  return rows;
}

/** The check fails, and a backup is refused before it writes anything but the probe of a look that went well. */
async function refused(
  check: string,
  url: string,
  change: Record<string, string | undefined> = {},
  where: BackupLab = lab,
): Promise<CheckRow> {
  const row = (await look(url, change, where)).find((one) => one.check === check && one.status === "fail");
  if (row === undefined) throw new Error(`The check ${check} did not fail.`);
  expect(row.next).toBeTruthy();
  const config = await where.config(url, change);
  await expect(backUp(where, url, { config })).rejects.toMatchObject({ code: "preflight-failed", exitCode: 2 });
  expect((await keysIn(where.vault)).filter((key) => !key.startsWith("probe/"))).toEqual([]);
  return row;
}

test("finds nothing wrong with the recommended role", async () => {
  const rows = await look(project.backupUrl);
  expect(rows.filter(({ status }) => status === "fail")).toEqual([]);
  expect(rows.find(({ check }) => check === "role")).toMatchObject({ status: "ok" });
});

test("warns of postgres, which can write", async () => {
  expect((await look(project.superuserUrl)).find(({ check }) => check === "role")).toMatchObject({ status: "warn" });
});

test("warns when the server's lock table has no room for every table, and says what to set", async () => {
  const cramped = await startPostgres(17, { settings: { max_connections: "20", max_locks_per_transaction: "10" } });
  try {
    const tables = Array.from({ length: 100 }, (_, index) => `create table t${index} ();`).join("\n");
    await execute(cramped.superuserUrl(), tables);
    const lockTable = async () => (await look(cramped.superuserUrl())).find(({ check }) => check === "lock table");
    expect(await lockTable()).toMatchObject({
      status: "warn",
      found: expect.stringMatching(/^100 tables need up to 200 locks; the server has room for about 200/),
      next: expect.stringContaining("max_locks_per_transaction=64"),
    });
    await execute(cramped.superuserUrl(), "drop table t0; drop table t1");
    await execute(cramped.superuserUrl(), Array.from({ length: 40 }, (_, at) => `drop table t${at + 2};`).join("\n"));
    expect(await lockTable()).toMatchObject({ status: "ok" });
  } finally {
    await cramped.stop();
  }
});

describe("the database is refused", () => {
  test("with a wrong password, without repeating it", async () => {
    const row = await refused("connection", urlFor(project.backupUrl, { password: "wrong-s3cret" }));
    expect(row.found).toMatch(/28P01/);
    expect(JSON.stringify(row)).not.toContain("s3cret");
  });

  test("with a wrong host", async () => {
    const url = new URL(project.backupUrl);
    url.hostname = "no-such-host.invalid";
    expect((await refused("connection", url.href)).found).toContain("not known");
  });

  test("when the client is older than the server", async () => {
    const row = await refused("versions", project.backupUrl, { LIFEBOAT_PG_BIN: sharedPostgres(15).binDir });
    expect(row.found).toMatch(/PostgreSQL 17.*15\./);
  });

  test("when a table, a sequence, a schema or a large object cannot be read, each by name", async () => {
    await execute(
      project.superuserUrl,
      `create role blind_${process.pid} login password 'lab' bypassrls;
       create schema hidden; create table hidden.exams (id int);
       create table public.secrets (id int); create sequence public.tickets;
       select lo_create(424242);`,
    );
    const url = urlFor(project.backupUrl, { user: `blind_${process.pid}` });
    const rows = await look(url);
    const found = (check: string): string =>
      rows.find((row) => row.check === check && row.status === "fail")?.found ?? "";
    expect(found("schemas")).toContain("hidden");
    expect(found("tables")).toMatch(/cannot read \d+/);
    expect(found("sequences")).toContain("public.tickets");
    expect(found("large objects")).toContain("424242");
    await refused("tables", url);
    await execute(
      project.superuserUrl,
      `select lo_unlink(424242); drop table public.secrets; drop sequence public.tickets; drop schema hidden cascade; drop role blind_${process.pid}`,
    );
  });

  test("when row security would hide rows", async () => {
    await execute(
      project.superuserUrl,
      `create role narrow_${process.pid} login password 'lab'; grant pg_read_all_data to narrow_${process.pid}`,
    );
    const row = await refused("row security", urlFor(project.backupUrl, { user: `narrow_${process.pid}` }));
    expect(row.found).toContain("public.grades");
    await execute(project.superuserUrl, `drop role narrow_${process.pid}`);
  });
});

describe("TLS", () => {
  let server: RunningPostgres;
  const { certificate, key } = selfSigned("localhost");

  beforeAll(async () => {
    server = await startPostgres(17, { tls: { certificate, key } });
  });
  afterAll(() => server.stop());

  const at = (host: string): string => server.superuserUrl().replace("127.0.0.1", host);

  test("is verified against the given root and the name, and a whole backup runs over it", async () => {
    const own = await openBackupLab(sharedS3());
    const config = await own.config(at("localhost"), { DATABASE_CA: certificate });
    expect((await backUp(own, at("localhost"), { config })).counts.tables).toBe(0);
    await own[Symbol.asyncDispose]();
  });

  test("with another name than the certificate's is refused", async () => {
    expect((await refused("connection", at("127.0.0.1"), { DATABASE_CA: certificate })).found).toContain(
      "another name",
    );
  });

  test("with an unknown root is refused, and says which setting is for it", async () => {
    const row = await refused("connection", `${at("localhost")}?sslmode=require`);
    expect(row.next).toContain("DATABASE_CA");
  });
});

describe("keys are refused", () => {
  const expires = new Date(Date.now() + 86_400_000);

  test("when there are none", async () => {
    expect(
      (await refused("recipients", project.backupUrl, { BACKUP_PUBLIC_KEYS: "-----BEGIN PGP nothing" })).found,
    ).toContain("no public key");
  });

  test("when one is not pinned", async () => {
    const stranger = await generateKey({ role: "operations", project: "stranger", passphrase: "x", expires });
    const row = await refused("recipients", project.backupUrl, {
      BACKUP_PUBLIC_KEYS: `${lab.publicKeys}\n${stranger.publicArmored}`,
    });
    expect(row.found).toContain(stranger.fingerprint);
  });

  test("when only one could open the set", async () => {
    const lonely = await openBackupLab(sharedS3(), {
      policy: (policy) => ({
        ...policy,
        keys: { ...policy.keys, recipients: { ...policy.keys.recipients, prover: null, escrow: null } },
      }),
    });
    await refused("recipients", project.backupUrl, {}, lonely);
    await lonely[Symbol.asyncDispose]();
  });

  test("when one is not an OpenPGP key that can be sealed to", async () => {
    const broken = lab.publicKeys.replace(/\n[A-Za-z0-9+/]{60,}\n/, "\nAAAA\n");
    await refused("recipients", project.backupUrl, { BACKUP_PUBLIC_KEYS: broken });
  });

  test("when the signing key is not the pinned one", async () => {
    const other = await generateKey({
      role: "signing",
      project: "other",
      passphrase: "a passphrase of the tests",
      expires,
    });
    expect(
      (await refused("signing key", project.backupUrl, { BACKUP_SIGNING_KEY: other.privateArmored })).found,
    ).toContain(other.fingerprint);
  });

  test("when the passphrase is wrong", async () => {
    await refused("signing key", project.backupUrl, { BACKUP_SIGNING_PASSPHRASE: "wrong" });
  });
});

describe("the bucket is refused", () => {
  test("when it isn't there", async () => {
    expect(
      (await refused("bucket", project.backupUrl, { S3_BACKUP_BUCKET: "no-such-bucket-of-ours" })).found,
    ).toContain("no-such-bucket-of-ours");
  });

  test("when it is in a region that the policy does not allow", async () => {
    const elsewhere = await openBackupLab(sharedS3(), {
      policy: (policy) => ({ ...policy, regions: ["eu-central-1"] }),
    });
    expect((await refused("region", project.backupUrl, {}, elsewhere)).found).toContain("eu-central-1");
    await elsewhere[Symbol.asyncDispose]();
  });

  test("when it has no object lock although the policy wants one; with a policy that doesn't, it is a warning", async () => {
    const open = await openBackupLab(sharedS3(), { lock: false });
    await refused("object lock", project.backupUrl, {}, open);
    await open[Symbol.asyncDispose]();
    const relaxed = await openBackupLab(sharedS3(), {
      lock: false,
      policy: (policy) => ({ ...policy, vault: { ...policy.vault, objectLock: "recommended" } }),
    });
    expect((await look(project.backupUrl, {}, relaxed)).find(({ check }) => check === "object lock")).toMatchObject({
      status: "warn",
    });
    expect((await backUp(relaxed, project.backupUrl)).retainUntil).toBeNull();
    await relaxed[Symbol.asyncDispose]();
  });

  test("when it may not be written", async () => {
    await using proxy = await startHttpFaultProxy(sharedS3().endpoint);
    proxy.answer({ method: "PUT", times: Number.POSITIVE_INFINITY }, 403, "AccessDenied");
    const row = await refused("bucket access", project.backupUrl, { AWS_ENDPOINT_URL: proxy.url });
    expect(row.next).toContain("s3:PutObject");
  });

  test("when its credentials are not accepted", async () => {
    const before = process.env["AWS_SECRET_ACCESS_KEY"];
    process.env["AWS_SECRET_ACCESS_KEY"] = "wrong";
    try {
      const row = (await look(project.backupUrl)).find(({ status }) => status === "fail");
      expect(row?.check).toBe("bucket");
      expect(row?.next).toContain("AWS_SECRET_ACCESS_KEY");
    } finally {
      if (before !== undefined) process.env["AWS_SECRET_ACCESS_KEY"] = before;
    }
  });
});

test("everything that is wrong is told at once", async () => {
  const rows = await look(urlFor(project.backupUrl, { password: "wrong" }), {
    S3_BACKUP_BUCKET: "no-such-bucket-of-ours",
    BACKUP_SIGNING_PASSPHRASE: "wrong",
  });
  expect(rows.filter(({ status }) => status === "fail").map(({ check }) => check)).toEqual([
    "connection",
    "bucket",
    "signing key",
  ]);
});
