import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { openEscrow } from "../../actions/lib/operations/escrow/run-list.ts";
import type { UnlockedKey } from "../../actions/lib/seal/keys/private-key.ts";
import { retentionOf } from "../../actions/lib/vault/bucket/lock.ts";
import { createProject, dropProject } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { addProject, startSupabaseApi } from "../lab/supabase-api/index.ts";
import { compileCache } from "../runner/compile-cache.ts";
import { type BackupLab, backUp, keysIn, openBackupLab } from "./backup-lab.ts";
import { openGnupgHome } from "./gnupg-home.ts";

/** What only the owner has, put away at the command line and had again in a recovery. */

const program = new URL("../../scripts/lifeboat.mjs", import.meta.url).pathname;
const secret = "sk_live_9a8b7c6d5e4f";
let lab: BackupLab;
let open: BackupLab;
beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  open = await openBackupLab(sharedS3(), {
    policy: (policy) => ({ ...policy, recovery: { escrow: "escrow and operations" } }),
  });
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await open?.[Symbol.asyncDispose]();
});

interface Ended {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
  json(): ReturnType<typeof JSON.parse>;
}

function escrow(args: readonly string[], input = "", env: Record<string, string> = {}, of = lab): Promise<Ended> {
  const whole = { ...of.env("postgres://nobody@127.0.0.1/unused"), ...compileCache, ...env };
  const signed = { RESTORE_PRIVATE_KEY: of.operations.key.armor(), ...env };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, "escrow", ...args, "--json", "--verbose"],
      { env: { ...whole, ...signed } },
      (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr, json: () => JSON.parse(stdout) }),
    );
    child.stdin?.end(input);
  });
}

async function values(of: BackupLab, key: UnlockedKey) {
  const config = await loadConfig({ needs: [], env: of.env("postgres://nobody@127.0.0.1/unused") });
  const { values, closed } = await openEscrow(of.vault, config, key);
  return { closed, values: Object.fromEntries([...values].map(([name, value]) => [name, value.reveal()])) };
}

test("a value is sealed to the escrow key alone, locked, listed by name, and a recovery with that key has it again", async () => {
  const file = join(lab.folder, "stripe");
  await writeFile(file, `${secret}\n`);
  const rehearsed = await escrow(["put", "secret:STRIPE_KEY", "--file", file, "--dry-run"]);
  expect(rehearsed.json()).toMatchObject({ outcome: "would-put", opens: ["escrow"] });
  expect(await keysIn(lab.vault, "escrow/")).toEqual([]);

  expect((await escrow(["put", "secret:STRIPE_KEY"], "an older one")).code).toBe(0);
  const put = await escrow(["put", "secret:STRIPE_KEY", "--file", file]);
  expect(put, put.stderr).toMatchObject({ code: 0 });
  const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
  expect((await escrow(["put", "signing-key"], JSON.stringify(key))).code).toBe(0);

  const listed = await escrow(["list"]);
  expect(listed).toMatchObject({ code: 0 });
  expect(listed.json().rows).toMatchObject([
    { name: "secret:STRIPE_KEY", opens: ["escrow"], older: 1, thumbprint: null },
    { name: "signing-key", opens: ["escrow"], older: 0, digest: null },
  ]);
  for (const said of [put, listed]) expect(said.stdout + said.stderr).not.toMatch(/sk_live|an older one/);
  for (const stored of await keysIn(lab.vault, "escrow/")) {
    expect(Buffer.from((await lab.vault.get(stored)).body).toString("latin1")).not.toContain(secret);
    expect((await retentionOf(lab.vault, stored))?.until.getTime()).toBeGreaterThan(Date.now());
  }

  const all = { "secret:STRIPE_KEY": secret, "signing-key": JSON.stringify(key) };
  expect(await values(lab, lab.escrow)).toEqual({ closed: [], values: all });
  // At night somebody with the operations key alone learns what there is, and whom to wake.
  expect(await values(lab, lab.operations)).toEqual({ closed: Object.keys(all), values: {} });
});

test("where the policy says so, the operations key opens it too; the prover's opens nothing", async () => {
  expect((await escrow(["put", "auth:smtp_pass"], secret, {}, open)).json()).toMatchObject({
    opens: ["operations", "escrow"],
  });
  const had = { closed: [], values: { "auth:smtp_pass": secret } };
  expect(await values(open, open.operations)).toEqual(had);
  expect(await values(open, open.escrow)).toEqual(had);
  expect(await values(open, open.prover)).toEqual({ closed: ["auth:smtp_pass"], values: {} });
});

test("the digest of a function's secret can be compared with the operations key, and is not to be read without", async () => {
  const digestOf = async (env: Record<string, string>) =>
    (await escrow(["list"], "", env)).json().rows.find(({ name }: { name: string }) => name === "secret:STRIPE_KEY")
      .digest;
  expect(await digestOf({})).toMatch(/^[0-9a-f]{64}$/);
  expect(await digestOf({ RESTORE_PRIVATE_KEY: "" })).toBeNull();
  expect(await digestOf({ RESTORE_PRIVATE_KEY: lab.prover.key.armor() })).toBeNull();
});

test("what a job's key signs, what does not fit its name, and what comes from nowhere is refused, and nothing is written", async () => {
  const before = await keysIn(lab.vault, "escrow/");
  const jobs = {
    RESTORE_PRIVATE_KEY: lab.env("")["BACKUP_SIGNING_KEY"] ?? "",
    RESTORE_PASSPHRASE: lab.env("")["BACKUP_SIGNING_PASSPHRASE"] ?? "",
  };
  const refused: readonly (readonly [string, Promise<Ended>])[] = [
    ["escrow-signature", escrow(["put", "other:x"], secret, jobs)],
    ["escrow-signature", escrow(["put", "other:x"], secret, { RESTORE_PRIVATE_KEY: lab.prover.key.armor() })],
    ["configuration", escrow(["put", "other:x"], secret, { RESTORE_PRIVATE_KEY: "" })],
    ["escrow-value", escrow(["put", "vault-root-key"], secret)],
    ["escrow-value", escrow(["put", "other:x", "--file", join(lab.folder, "not there")])],
    ["escrow-name", escrow(["put", "smtp"], secret)],
    ["usage", escrow(["put"], secret)],
    ["usage", escrow(["list", "other:x"])],
    ["usage", escrow(["put", "other:x", secret])],
  ];
  for (const [code, ended] of refused) {
    const { code: exit, stdout, stderr } = await ended;
    expect({ exit, told: `${stdout}${stderr}`.includes(code) }, code).toEqual({ exit: 2, told: true });
    expect(stdout + stderr).not.toContain(secret);
  }
  expect(await keysIn(lab.vault, "escrow/")).toEqual(before);
});

test("gpg alone opens an entry, as the runbook says", async () => {
  await using home = await openGnupgHome();
  await home.gpg(["--import"], Buffer.from(lab.escrow.key.armor()));
  const [key = ""] = (await keysIn(lab.vault, "escrow/")).filter((one) => one.endsWith(".json"));
  const entry = join(lab.folder, "entry.json");
  await writeFile(entry, (await lab.vault.get(key)).body);
  const part = (name: string) => `jq -r .value.${name} ${entry} | base64 -d`;
  const opened = await home.shell(`(${part("keys")}; ${part("body")}) | gpg --batch --decrypt`);
  expect(opened.toString()).toBe("an older one");
});

test("the list names what the project needs by its newest set, and what is another value than the project's", async () => {
  const project = await createProject(sharedPostgres(17).superuserUrl(), `escrow_${process.pid}`);
  await using api = await startSupabaseApi();
  const there = addProject(api.world);
  there.auth["smtp_pass"] = "the mail's password";
  there.secrets.set("STRIPE_KEY", { value: "rotated since", updatedAt: 0 });
  const key = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  const { d: _, ...publicJwk } = key;
  const [signing] = there.signingKeys;
  if (signing !== undefined) Object.assign(signing, { status: "in_use", publicJwk });
  const supabase = { SUPABASE_ACCESS_TOKEN: api.token, SUPABASE_API_URL: api.url, SUPABASE_PROJECT_REF: there.ref };
  try {
    await backUp(lab, project.backupUrl, { config: await lab.config(project.backupUrl, supabase) });
  } finally {
    await dropProject(sharedPostgres(17).superuserUrl(), project.name);
  }
  const gaps = async () => (await escrow(["list"])).json().compared.gaps;
  expect(await gaps()).toMatchObject([
    { name: "auth:smtp_pass", why: expect.stringContaining("does not tell it") },
    { name: "secret:STRIPE_KEY", why: expect.stringContaining("another value") },
    { name: "signing-key", why: expect.stringContaining("another key") },
  ]);
  for (const [name, value] of [
    ["auth:smtp_pass", "the mail's password"],
    ["secret:STRIPE_KEY", "rotated since\n"],
    ["signing-key", JSON.stringify(key)],
  ] as const)
    expect((await escrow(["put", name], value)).code, name).toBe(0);
  expect(await gaps()).toEqual([]);
});

test("a recovery is told of an entry that counts for nobody: what it was for may be missing", async () => {
  const config = await loadConfig({ needs: [], env: open.env("postgres://nobody@127.0.0.1/unused") });
  expect((await openEscrow(open.vault, config, open.escrow)).alarms).toEqual([]);
  await open.vault.put("escrow/20991231T235959Z-1a2b3c4d.json", Buffer.from("{}"));
  const { alarms } = await openEscrow(open.vault, config, open.escrow);
  expect(alarms).toEqual([expect.stringMatching(/^1 entry cannot be trusted .*20991231T235959Z.*not signed/)]);
});
