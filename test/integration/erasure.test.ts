import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { readInputs } from "../../actions/lib/edge/inputs.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import { openErasures } from "../../actions/lib/operations/erasures/open-erasures.ts";
import keys from "../../actions/lib/operations/keys/operation.ts";
import { judgeErasures } from "../../actions/lib/operations/monitor/backups/erasure-check.ts";
import { generateKey, readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import { releaseVerifier } from "../../actions/lib/vault/configured.ts";
import { type LedgerRule, placeOf } from "../../actions/lib/vault/erasures/entries.ts";
import { hashOfValue, newHashKey } from "../../actions/lib/vault/erasures/hash-key.ts";
import { readLedger } from "../../actions/lib/vault/erasures/ledger.ts";
import { deleteVersions } from "../../actions/lib/vault/s3/delete-versions.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { repairRunner } from "../faults/accidents/tools.ts";
import { execute, urlFor, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, keysIn, openBackupLab } from "./backup-lab.ts";
import { canariesIn, eraseOne, eraseRunner, idOf, makeSchool, type School, schoolErasure } from "./erasure-lab.ts";
import { recoverPageOf } from "./recovery-lab.ts";
import { openRecoveryMachine } from "./recovery-machine.ts";
import { restoreInto, told } from "./restore-lab.ts";

const admin = sharedPostgres(17).superuserUrl();
const people = 6;
let lab: BackupLab;
let school: School;
/** Made before anybody was erased. */
let older: string;
let targets = 0;

beforeAll(async () => {
  // Without locks: the tests play somebody who may delete.
  const vault = { partBytes: 5 * 1024 * 1024, maxParts: 10_000, readBack: true, objectLock: "recommended" } as const;
  lab = await openBackupLab(sharedS3(), {
    ...{ lock: false, policy: (policy) => ({ ...policy, vault, erasure: schoolErasure }) },
  });
  school = await makeSchool(admin, `erasure_${process.pid}`, people);
  older = (await backUp(lab, school.url)).set;
});
afterAll(async () => {
  for (let at = 0; at <= targets; at++)
    await execute(admin, `drop database if exists erasure_${process.pid}_to_${at} with (force)`);
  await execute(admin, `drop database ${school?.name} with (force)`);
  await lab?.[Symbol.asyncDispose]();
});

async function emptyTarget(): Promise<string> {
  const name = `erasure_${process.pid}_to_${++targets}`;
  await execute(admin, `create database ${name}`);
  return urlFor(admin, { database: name });
}

const refused = (code: string) => ({ exitCode: 2, code });

test("who does not exist, exists twice, or would be found everywhere is refused before anything is written", async () => {
  const run = eraseRunner(lab, school);
  await expect(run({ subject: idOf(99), "dry-run": true })).rejects.toMatchObject(refused("subject-unknown"));
  await expect((async () => run({ subject: idOf(1) }))()).rejects.toMatchObject(refused("usage"));
  await expect(run({ subject: idOf(1), "plan-hash": "0123456789abcdef" })).rejects.toMatchObject(refused("plan-other"));
  await expect(run({ subject: idOf(1), consent: "cookies", "dry-run": true })).rejects.toMatchObject(
    refused("consent-unknown"),
  );
  expect(await keysIn(lab.vault, "erasures/")).toEqual([]);
});

test("a set that is older than an erasure comes back without the person, proven, and everybody else is there", async () => {
  const done = await eraseOne(lab, school, { subject: "canary-2-@school.example", by: "email", live: true });
  expect(done.result).toMatchObject({
    outcome: "erased",
    number: 1,
    live: 11,
    plan: { rows: 11, kept: [{ rows: 1 }] },
  });
  expect(await canariesIn(school.url)).toEqual(new Set([1, 3, 4, 5, 6]));
  const url = await emptyTarget();
  const result = await restoreInto(lab, url, { ref: older });
  expect({ outcome: result.outcome, failed: told(result, "failed"), unverified: told(result, "unverified") }).toEqual({
    ...{ outcome: "equal", failed: [], unverified: [] },
  });
  expect(await canariesIn(url)).toEqual(new Set([1, 3, 4, 5, 6]));
  const kept = await withClient(url, (client) => client.query("select count(*)::int as n from public.certificates"));
  expect(kept.rows).toEqual([{ n: people }]);
});

test("the same by RECOVER.md alone: who was erased since the set was made does not come back by hand", async () => {
  await using machine = await openRecoveryMachine(lab, sharedPostgres(17).binDir);
  const url = await emptyTarget();
  const page = await recoverPageOf(lab.vault, `database/daily/${older}/`);
  const { stdout } = await machine.follow(page, { TARGET_DATABASE_URL: url });
  expect(stdout).toContain("Everything is here");
  expect(await canariesIn(url)).toEqual(new Set([1, 3, 4, 5, 6]));
});

test("SQL that no person's key has signed is not obeyed by hand", async () => {
  const own = (await keysIn(lab.vault, "erasures/sql/")).filter((key) => key.endsWith(".pgp")).at(-1) ?? "";
  const forged = "erasures/sql/20990101T000000Z-0badc0de.sql.zst.pgp";
  await lab.vault.put(forged, (await lab.vault.get(own)).body);
  await lab.vault.put(`${forged}.sig`, Buffer.from(await signDetached(Buffer.from("another"), lab.operations)));
  await using machine = await openRecoveryMachine(lab, sharedPostgres(17).binDir);
  const page = await recoverPageOf(lab.vault, `database/daily/${older}/`);
  const followed = machine.follow(page, { TARGET_DATABASE_URL: await emptyTarget() });
  await expect(followed).rejects.toThrow(/is signed by none of/);
  await deleteVersions(lab.vault.transport, await versionsBelow(lab.vault.transport, forged));
});

test("the ledger names nobody, and a list of all people tells nothing without its key", async () => {
  const keys = await keysIn(lab.vault, "erasures/");
  const entries = await Promise.all(keys.filter((key) => key.endsWith(".json")).map(text));
  const all = entries.join("\n");
  expect(all).toContain("public.submissions");
  expect(all).not.toMatch(/canary|00000000-0000-4000/);
  const hashes = new Set(all.match(/[0-9a-f]{64}/g));
  const rules = JSON.parse(JSON.parse(entries[0] ?? "").document as string).rules as LedgerRule[];
  for (const rule of rules.filter(({ hash }) => hash !== null)) {
    for (let n = 1; n <= people; n++) {
      for (const value of [idOf(n), `canary-${n}-@school.example`]) {
        const guesses = [value, `${placeOf(rule)}\n${value}`].map((one) =>
          createHash("sha256").update(one).digest("hex"),
        );
        expect([...guesses, hashOfValue(newHashKey(), placeOf(rule), value)].filter((one) => hashes.has(one))).toEqual(
          [],
        );
      }
    }
  }
});

test("a repair from an older set puts back what an accident took, and no row of somebody who was erased", async () => {
  await execute(school.url, `delete from public.events where payload #>> '{user,id}' = '${idOf(1)}'`);
  const run = repairRunner(lab, school);
  const chosen = { set: older, table: "public.events", missing: true } as const;
  expect(await run({ ...chosen, "dry-run": true })).toMatchObject({ result: { rows: 2 } });
  expect(await run({ ...chosen, "expect-rows": "2" })).toMatchObject({ result: { rows: 2 } });
  // Neither is what was set for them: payments of theirs differ from the set, and do not come back as they were.
  const payments = { set: older, table: "public.payments", "all-rows": true, "dry-run": true } as const;
  expect(await run(payments)).toMatchObject({ result: { rows: 0 } });
  expect(await canariesIn(school.url)).toEqual(new Set([1, 3, 4, 5, 6]));
});

test("a withdrawn consent counts for older sets alone", async () => {
  const between = (await backUp(lab, school.url)).set;
  await eraseOne(lab, school, { subject: idOf(3), consent: "newsletter", live: true });
  await execute(school.url, `update public.people set newsletter = true where id = '${idOf(3)}'`);
  const newer = (await backUp(lab, school.url)).set;
  const consented = async (set: string) => {
    const url = await emptyTarget();
    const result = await restoreInto(lab, url, { ref: set });
    expect(result.outcome).toBe("equal");
    const rows = await withClient(url, (client) =>
      client.query(`select newsletter from public.people where id = '${idOf(3)}'`),
    );
    return rows.rows[0]?.newsletter;
  };
  expect([await consented(between), await consented(newer)]).toEqual([false, true]);
});

test("what an entry is not signed for is not taken, and the restore is not proven", async () => {
  // Live there is one payment of theirs; the older set is given four more than the entry allows.
  await execute(
    school.url,
    "insert into public.events (id, payload) select 5000 + n, jsonb_build_object('user', jsonb_build_object('id', '" +
      `${idOf(4)}')) from generate_series(1, 9) n`,
  );
  const full = (await backUp(lab, school.url)).set;
  await execute(school.url, "delete from public.events where id > 5000");
  await eraseOne(lab, school, { subject: idOf(4), live: true, most: "6" });
  const result = await restoreInto(lab, await emptyTarget(), { ref: full });
  expect(result.outcome).toBe("differs");
  expect(told(result, "failed").join()).toMatch(/erasure 5 would take 11 rows of "public"."events", more than the 6/);
});

test("a ledger that was put back to an older state, or that has lost its key, leaves a restore unproven, and says so", async () => {
  await backUp(lab, school.url);
  const keys = await keysIn(lab.vault, "erasures/");
  const withoutOne = async (key: string) => {
    const { body } = await lab.vault.get(key);
    await deleteVersions(lab.vault.transport, await versionsBelow(lab.vault.transport, key));
    const result = await restoreInto(lab, await emptyTarget(), { ref: older });
    await lab.vault.put(key, body);
    return { outcome: result.outcome, why: told(result, "unverified").join() };
  };
  expect(await withoutOne(keys.filter((key) => /\/\d{6}\.json$/.test(key)).at(-1) ?? "")).toEqual({
    outcome: "unverified",
    why: expect.stringContaining("it has 5 entries, and had 6 when a set was made"),
  });
  expect(await withoutOne(keys.find((key) => key.includes("/key-")) ?? "")).toEqual({
    outcome: "unverified",
    why: expect.stringContaining("The key of the ledger of erasures cannot be used: it is not there"),
  });
  expect(await withoutOne(keys.find((key) => key.endsWith("000001.json")) ?? "")).toEqual({
    outcome: "unverified",
    why: expect.stringContaining("entry 1 is missing"),
  });
});

test("two who erase at once both land, one after the other; what nobody trusted has signed counts for nothing", async () => {
  await lab.vault.put("erasures/000007.json", Buffer.from('{"format":"lifeboat-erasure/1"}'));
  const both = await Promise.all([5, 6].map((n) => eraseOne(lab, school, { subject: idOf(n) })));
  const numbers = both.map(({ result }) => (result as { number: number }).number);
  expect(numbers.toSorted()).toEqual([7, 8]);
  const again = await eraseRunner(
    lab,
    school,
  )({
    ...{ subject: idOf(5), live: true, "plan-hash": both[0]?.outputs?.["plan-hash"] ?? "" },
  });
  expect(again.result).toMatchObject({ number: numbers[0], live: 11 });
  expect(await canariesIn(school.url)).toEqual(new Set([1, 3, 6]));
});

test("a request is noted without a name, its term is watched, and an erasure that answers it ends it", async () => {
  const run = eraseRunner(lab, school);
  const noted = await run({ received: "2026-01-10" });
  const request = noted.outputs?.["request"] ?? "";
  expect(noted.result).toMatchObject({ outcome: "received", due: "2026-02-09" });
  const verify = await releaseVerifier(await lab.config(school.url));
  const stateOn = async (day: string) =>
    judgeErasures(await readLedger(lab.vault, verify), null, new Date(`${day}T12:00:00Z`)).state;
  // What was laid among the entries above is an alarm of its own.
  const unsigned = ["erasures/000007.json"];
  for (const key of unsigned) await deleteVersions(lab.vault.transport, await versionsBelow(lab.vault.transport, key));
  expect([await stateOn("2026-01-20"), await stateOn("2026-02-05"), await stateOn("2026-02-10")]).toEqual([
    ...["ok", "warning", "critical"],
  ]);
  const done = await eraseOne(lab, school, { subject: idOf(1), live: true, request });
  const answer = (done.result as { answer: string[] }).answer.join(" ");
  expect(answer).toMatch(/erased from our database.*until (\d+ \w+ \d{4}|\d{4}-\d{2}-\d{2}), when the term/);
  expect(answer).toContain("Art. 17(3)(b)");
  expect(await stateOn("2026-02-10")).toBe("ok");
});

test("when the operations key is replaced, its successor alone opens the ledger, and what the former has signed counts still", async () => {
  const expires = new Date(Date.now() + 86_400_000);
  const made = await generateKey({ role: "operations", project: "lab", passphrase: "next", expires });
  const next = await readPrivateKey(made.privateArmored, "next");
  const policy = JSON.parse(await readFile(lab.env("")["LIFEBOAT_POLICY"] ?? "", "utf8"));
  const former = policy.keys.recipients.operations as string;
  const rotated = async (formerKeys: readonly string[]) => {
    const path = join(lab.folder, `rotated-${formerKeys.length}.json`);
    const recipients = { ...policy.keys.recipients, operations: made.fingerprint };
    await writeFile(
      path,
      JSON.stringify({ ...policy, keys: { ...policy.keys, recipients }, repair: { ...policy.repair, formerKeys } }),
    );
    return {
      ...{ ...lab.env(school.url), LIFEBOAT_POLICY: path },
      BACKUP_PUBLIC_KEYS: `${formerKeys.length === 0 ? withoutFirst(lab.publicKeys) : lab.publicKeys}\n${made.publicArmored}`,
    };
  };
  const known = async (formerKeys: readonly string[]) => {
    const config = await loadConfig({ needs: ["source", "vault"], env: await rotated(formerKeys) });
    return openErasures({ config, vault: lab.vault, privateKey: next, log: silentLog });
  };
  const rewrap = async (formerKeys: readonly string[], more: Record<string, boolean> = {}) => {
    const env = { ...(await rotated(formerKeys)), RESTORE_PRIVATE_KEY: lab.operations.key.armor() };
    const told = await runOperation(keys, readInputs(keys, "command", { action: "rewrap", ...more }), {
      ...{ env, log: silentLog, signal: new AbortController().signal },
    });
    return (told.result as { ledger: readonly Record<string, unknown>[] }).ledger;
  };
  await backUp(lab, school.url);
  // Nobody says that the former key's word counts: the ledger is as good as gone, and that is told.
  expect((await known([])).problem).toContain("cannot be relied on");
  expect(await rewrap([])).toMatchObject([{ outcome: "failed", problem: { code: "ledger-unsigned" } }]);
  expect((await known([former])).problem).toContain("cannot open the ledger of erasures");
  expect(await rewrap([former], { "dry-run": true })).toMatchObject([{ outcome: "would-rewrap" }]);
  expect((await known([former])).problem).toContain("cannot open the ledger of erasures");
  expect(await rewrap([former])).toMatchObject([{ outcome: "rewrapped", keptVersions: [], problem: null }]);
  expect(await known([former])).toMatchObject({ problem: null, erasures: { entries: expect.any(Array) } });
  // What the former key opens is gone; what somebody lays back, or invents, keeps nobody out.
  const [own, ...others] = await keysIn(lab.vault, "erasures/key-");
  expect(others).toEqual([]);
  expect(await keysIn(lab.vault, "erasures/sql/")).toHaveLength(2);
  await lab.vault.put((own ?? "").replace(/-[0-9a-f]{8}[.]json$/, ".json"), Buffer.from("{}"));
  expect((await known([former])).problem).toBeNull();
  const config = await loadConfig({ needs: ["source", "vault"], env: await rotated([former]) });
  const closed = await openErasures({ config, vault: lab.vault, privateKey: lab.operations, log: silentLog });
  expect(closed.problem).toContain("cannot open the ledger of erasures");
});

/** Without the operations key, which comes first. */
const withoutFirst = (armored: string) => armored.slice(armored.indexOf("-----BEGIN", 10));

async function text(key: string): Promise<string> {
  return Buffer.from((await lab.vault.get(key, { maxBytes: 1_000_000 })).body).toString("utf8");
}
