import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { auditedRun } from "../../actions/lib/edge/audited-run.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { dryRun, whyRestored } from "../../actions/lib/operations/field.ts";
import { backupChecks } from "../../actions/lib/operations/monitor/backups/backup-checks.ts";
import type { ToldHead } from "../../actions/lib/operations/monitor/check.ts";
import { defineOperation } from "../../actions/lib/operations/operation.ts";
import { openTrail } from "../../actions/lib/vault/audit/append.ts";
import { entryKey, hashOf, parseEntry } from "../../actions/lib/vault/audit/entry.ts";
import { readTrail } from "../../actions/lib/vault/audit/read-trail.ts";
import { verifyTrail } from "../../actions/lib/vault/audit/verify.ts";
import { retentionOf } from "../../actions/lib/vault/bucket/lock.ts";
import { draftOf } from "../faults/audit/trail.ts";
import { startRoleGate } from "../faults/proxy/role-gate.ts";
import { type HeldScene, openHeldScene } from "../faults/table/holds-scene.ts";
import { lifeboat } from "../lab/command-line.ts";

/** What every operation leaves in the audit trail, in a store that enforces locks. */

let scenes: Awaited<ReturnType<typeof openHeldScene>>;
let scene: HeldScene;
let folder: string;
beforeAll(async () => {
  scenes = await openHeldScene();
  folder = await mkdtemp(join(tmpdir(), "lifeboat-audit-"));
}, 120_000);
beforeEach(async () => {
  await scene?.[Symbol.asyncDispose]();
  scene = await scenes.make();
});
afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
  await scenes?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const run = (args: readonly string[], change: Record<string, string> = {}) =>
  lifeboat([...args, "--json"], { ...scene.env, LIFEBOAT_AUDIT_FOLDER: folder, ...change });

async function trail() {
  const entries = [];
  for (let number = 1; ; number++) {
    const head = await scene.vault.head(entryKey(number));
    if (head === undefined) return entries;
    const { body } = await scene.vault.get(entryKey(number));
    const stored = parseEntry(body);
    if (stored === undefined) throw new Error(`Entry ${number} cannot be read.`);
    entries.push({ ...stored, sha256: hashOf(body), lockedUntil: head.retainUntil?.getTime() ?? 0 });
  }
}

const verdictOf = async () => {
  const { objects, others, alarms } = await readTrail(scene.vault);
  return { ...(await verifyTrail(objects, [], undefined)), others, alarms };
};
const writer = () =>
  openTrail({ vault: scene.vault, trust: undefined, sign: undefined, lock: { mode: "governance", days: 1 } });

/** A bucket that takes everything but entries of the trail, as a disaster or a wrong role leaves it. */
const gateWithoutAudit = () =>
  startRoleGate(scene.env["AWS_ENDPOINT_URL"] ?? "", [
    { Sid: "All", Effect: "Allow", Action: ["s3:*"], Resource: ["*"] },
    {
      Sid: "NoAudit",
      Effect: "Deny",
      Action: ["s3:PutObject"],
      Resource: [`arn:aws:s3:::${scene.vault.bucket}/audit/*`],
    },
  ]);

describe("a run", () => {
  test("leaves a begin and an end: who, what, why, what it made, the hash of the one before, signed and locked", async () => {
    const { set } = scene.free;
    expect(await run(["hold", set, "--reason", "court order of ada@school.example"])).toMatchObject({ code: 0 });
    const [begin, end, ...rest] = await trail();
    expect(rest).toEqual([]);
    const who = { by: "person", user: userInfo().username, host: hostname() };
    expect(begin?.entry).toMatchObject({ number: 1, previous: null, event: "begin", operation: "hold", set, who });
    expect(begin?.entry).toMatchObject({ reason: "court order of [address]", rehearsal: false, filed: null });
    expect(end?.entry).toMatchObject({ number: 2, previous: begin?.sha256, event: "end", id: begin?.entry.id });
    expect(end?.entry).toMatchObject({ outcome: "success", code: null, removed: { count: 0 } });
    const made = end?.entry.event === "end" ? end.entry.made.first : [];
    expect(made).toMatchObject([{ name: expect.stringContaining(`holds/${set}/`) }]);
    const { body } = await scene.vault.get(made[0]?.name ?? "");
    expect(made[0]?.sha256).toBe(hashOf(body));
    for (const { signature, lockedUntil } of [begin, end].flatMap((one) => one ?? [])) {
      expect(signature).not.toBeNull();
      expect((lockedUntil - Date.now()) / 864e5).toBeGreaterThan(399);
    }
    expect(await retentionOf(scene.vault, entryKey(1))).toMatchObject({ mode: "GOVERNANCE" });
  });

  test("tells the head in its report, and one that only looks leaves nothing", async () => {
    await run(["hold", scene.free.set, "--reason", "court order"]);
    const reports = await Array.fromAsync(scene.vault.list("reports/"));
    const { body } = await scene.vault.get(reports[0]?.key ?? "");
    const [, end] = await trail();
    expect(Buffer.from(body).toString()).toContain(end?.sha256);
    for (const looks of [
      ["list"],
      ["holds"],
      ["audit"],
      ["audit", "verify"],
      ["hold", scene.free.set, "--reason", "x", "--dry-run"],
    ])
      await run(looks);
    expect(await trail()).toHaveLength(2);
  });

  test("that opens or removes data keeps its reason, and says so where there is none", async () => {
    const unsaid = await run(["retention"], { LIFEBOAT_REASON: "" });
    expect(unsaid.stderr).toContain("The audit trail has no reason for this run");
    const said = await run(["retention"], { LIFEBOAT_REASON: "the week's" });
    expect(said.stderr).not.toContain("has no reason");
    const begins = (await trail()).flatMap(({ entry }) => (entry.event === "begin" ? [entry.reason] : []));
    expect(begins).toEqual([null, "the week's"]);
  });
});

describe("a trail that cannot be written", () => {
  test("does not keep what makes something from its work, and is an alarm; what removes is refused", async () => {
    await using gate = await gateWithoutAudit();
    const through = { AWS_ENDPOINT_URL: gate.url };
    const held = await run(["hold", scene.free.set, "--reason", "court order"], through);
    expect(held.code).toBe(1);
    expect(held.stderr).toContain("ALARM: The entry in the audit trail cannot be written");
    expect(await scene.why(scene.free.set)).toContain("court order");
    for (const removes of [
      ["release", scene.free.set, "--reason", "over"],
      ["retention", "--reason", "today"],
    ]) {
      const refused = await run(removes, through);
      expect(refused).toMatchObject({ code: 2, stdout: expect.stringContaining("audit-unwritten") });
    }
    expect(await scene.why(scene.free.set)).toContain("court order");
    expect(await trail()).toEqual([]);
  });

  test("stops a restore, until a person says in words that it goes on; then its entries are kept, and filed later", async () => {
    await using gate = await gateWithoutAudit();
    const restores = defineOperation({
      ...{ name: "restore", summary: "Restores.", inputs: z.object({ ...whyRestored, ...dryRun }), writes: ["target"] },
      run: async () => ({ result: "restored" }),
    });
    let worked = 0;
    const restore = async (inputs: Record<string, unknown>, url: string) => {
      const env = { ...scene.env, LIFEBOAT_AUDIT_FOLDER: folder, AWS_ENDPOINT_URL: url };
      const of = { workflow: "by-hand", runId: "local-1", attempt: 1, url: null, event: "by-hand" };
      const around = { env, log: silentLog, signal: new AbortController().signal, run: of };
      return auditedRun(
        { operation: restores, inputs, config: await loadConfig({ needs: [], env }), ...around },
        async () => {
          worked += 1;
          return { result: "restored" };
        },
      );
    };
    await expect(restore({ reason: "all is lost" }, gate.url)).rejects.toMatchObject({ code: "audit-unwritten" });
    expect(worked).toBe(0);
    const told = await restore({ reason: "all is lost", withoutAudit: "the vault is read-only" }, gate.url);
    expect([told.result, told.failure, worked]).toEqual(["restored", undefined, 1]);
    expect(await readdir(folder)).toEqual([expect.stringMatching(/^lifeboat-audit-[0-9a-f]{16}\.ndjson$/)]);
    expect(await trail()).toEqual([]);

    const filed = await run(["audit", "file"]);
    expect(JSON.parse(filed.stdout)).toEqual({ filed: 2, refused: [] });
    const [begin, end] = await trail();
    expect(begin?.entry).toMatchObject({
      event: "begin",
      withoutAudit: "the vault is read-only",
      filed: { by: userInfo().username },
    });
    expect(end?.entry).toMatchObject({ event: "end", outcome: "success", previous: begin?.sha256 });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("the trail", () => {
  test("takes two writers at once: each place once, each entry behind the one before", async () => {
    const writers = [writer(), writer(), writer()];
    await Promise.all(
      writers.map(async (one, who) => {
        for (let index = 0; index < 8; index++) await one.append(() => draftOf(who * 100 + index));
      }),
    );
    expect(await verdictOf()).toMatchObject({ head: { count: 24 }, problems: [] });
  });

  test("shows a run that was killed between its entries, and a clock that went back", async () => {
    const one = writer();
    await one.append(() => draftOf(10));
    await one.append(() => draftOf(0));
    const { unended, clockBack, problems } = await verdictOf();
    expect([unended.map(({ number }) => number), clockBack, problems]).toEqual([[1, 2], [2], []]);
  });

  test("goes on among a stranger's objects, hides nothing that is hidden, and names what is not ours", async () => {
    await run(["hold", scene.free.set, "--reason", "court order"]);
    const junk = Buffer.from("junk");
    for (const key of ["audit/junk", "audit/000000/x.json", "audit/999999/99999999.json", entryKey(3), entryKey(7)])
      await scene.vault.put(key, junk);
    await Promise.all(
      Array.from({ length: 60 }, (_, index) => scene.vault.put(`audit/00000${index % 10}/${index}`, junk)),
    );
    await scene.attacker.hide(entryKey(2));
    await run(["hold", scene.free.set, "--reason", "another order"]);
    // What lies in the next place is chained as it is, so that nobody can block the trail with it.
    expect(
      JSON.parse((await run(["audit", "list", "--newest", "2"])).stdout).entries.map(
        ({ number }: { number: number }) => number,
      ),
    ).toEqual([5, 4]);
    const verified = JSON.parse((await run(["audit", "verify"])).stdout);
    expect(verified).toMatchObject({ count: expect.any(Number), others: { count: 62 } });
    expect(verified.alarms.join()).toContain("hidden by delete markers");
    expect(verified.strangers).toContain(99_999_999);
  });

  test("exported, is verified without the vault: by Lifeboat and by the script of stock tools", async () => {
    await run(["hold", scene.free.set, "--reason", "court order"]);
    const out = join(folder, "export");
    expect(await run(["audit", "export", "--out", out])).toMatchObject({ code: 0 });
    const [, end] = await trail();
    const head = `2:${end?.sha256}`;
    const offline = await run(["audit", "verify", "--folder", out, "--head", head], {
      AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    });
    expect(JSON.parse(offline.stdout)).toMatchObject({ count: 2, provenTo: 2, first: null });
    const said = await new Promise<string>((resolve) =>
      execFile("bash", ["export/verify-audit.sh", "export", "--head", head], { cwd: folder }, (_, stdout, stderr) =>
        resolve(stdout + stderr),
      ),
    );
    expect(said).toMatch(/proven to 2\nunsigned 0\nwhole/);
    const wrong = await run(["audit", "verify", "--folder", out, "--head", `2:${"0".repeat(64)}`]);
    expect(wrong).toMatchObject({ code: 1 });
    expect(JSON.parse(wrong.stdout)).toMatchObject({ first: { number: 2, fault: "false" } });
    await rm(out, { recursive: true });
  });
});

test("the monitor walks what is new, and names an entry that somebody hid or cut off", async () => {
  const head = await writer().append(() => draftOf(0));
  for (const index of [1, 2, 3]) await writer().append(() => draftOf(index));
  const { body } = await scene.vault.get(entryKey(4));
  const now = new Date(Date.UTC(2026, 0, 1, 2));
  const at = now.toISOString();
  const look = async (heads: ToldHead[] | undefined) => {
    const config = await loadConfig({ needs: ["vault"], env: scene.env });
    const who = { workflow: "monitor", runId: "1", attempt: 1, url: null, event: "schedule" };
    using context = new Context({ config, log: silentLog, signal: new AbortController().signal, run: who });
    const checks = backupChecks({ context, now, history: () => [], heads });
    return await checks.find(({ id }) => id === "audit-trail")?.look();
  };
  const told = [
    { count: 1, sha256: head.sha256 ?? "", at },
    { count: 4, sha256: hashOf(body), at },
  ];
  expect(await look(told)).toMatchObject({ state: "ok", found: expect.stringContaining("from entry 1 to 4") });
  await expect(look(undefined)).rejects.toMatchObject({ code: "reports-unread" });
  const more = [...told, { count: 6, sha256: hashOf(Buffer.from("gone")), at }];
  expect(await look(more)).toMatchObject({ state: "critical", found: expect.stringMatching(/^Entry 5 .* missing/) });
  await scene.attacker.hide(entryKey(3));
  expect(await look(told)).toMatchObject({ state: "critical", found: expect.stringContaining("Hidden by delete") });
});
