import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { policySchema } from "../../actions/lib/config/policy/policy.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { backupChecks } from "../../actions/lib/operations/monitor/backups/backup-checks.ts";
import { writeVaultReport } from "../../actions/lib/operations/publish/vault-reports.ts";
import type { Finding } from "../../actions/lib/policy/monitor/check.ts";
import { runReportSchema } from "../../actions/lib/report/run/run-report.ts";
import { noteSigner } from "../../actions/lib/vault/configured.ts";
import { type Manifest, setPrefix, type Tier } from "../../actions/lib/vault/format/manifest.ts";
import { beginIncident } from "../../actions/lib/vault/incident/write.ts";
import { lockPublished } from "../../actions/lib/vault/keys-lock.ts";
import qimma from "../../lifeboat.config.ts";
import { lifeboat } from "../lab/command-line.ts";
import { createProject, dropProject } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { idAt, layProof, publishSigned } from "./signed-set.ts";

let lab: BackupLab;
let env: Record<string, string>;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  env = lab.env("postgresql://lifeboat@127.0.0.1:1/x");
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const now = new Date();
const ago = (hours: number): Date => new Date(now.getTime() - hours * 3_600_000);

/** @param needs empty: the vault is not set */
async function checks(needs: readonly ["vault"] | readonly [] = ["vault"], change: Record<string, string> = {}) {
  const config = await loadConfig({ needs, env: { ...env, ...change } });
  const run = { workflow: "monitor", runId: "1", attempt: 1, url: null, event: "schedule" };
  const signal = new AbortController().signal;
  const retry = { attempts: 1, totalSeconds: 5, stallSeconds: 5 };
  const context = new Context({ config, log: silentLog, signal, run, retry });
  return backupChecks({ context, now, history: () => [], heads: [] });
}

async function findings(): Promise<Map<string, Finding>> {
  const all = await checks();
  return new Map(await Promise.all(all.map(async (check) => [check.id, await check.look()] as const)));
}

async function states(): Promise<Record<string, string>> {
  return Object.fromEntries([...(await findings())].map(([id, { state }]) => [id, state]));
}

/** A set whose data is so many hours old, as a backup leaves it: signed, and locked. */
async function makeSet(tier: Tier, hours: number, trusted = true): Promise<Manifest> {
  const counts = { rows: "1000", plainBytes: "1000000" };
  const key = trusted ? {} : { key: lab.operations };
  const manifest = await publishSigned(lab, { tier, at: ago(hours), counts, readBack: true, ...key });
  const { policy } = await loadConfig({ needs: [], env });
  if (trusted) await lockPublished(lab.vault, { ...manifest, finishedAt: now.toISOString() }, policy, true);
  return manifest;
}

async function report(hours: number, conclusion: "success" | "failure", untold: string[] = []): Promise<void> {
  const at = ago(hours).toISOString();
  const operation = { operation: "backup", job: "backup.daily", startedAt: at, endedAt: at, conclusion, untold };
  const told = runReportSchema.parse({
    format: "lifeboat-run/1",
    run: { workflow: "backup", runId: `${hours}`.replace(".", ""), attempt: 1, url: null, event: "schedule" },
    ...{ triggeredAt: at, startedAt: at, endedAt: at, conclusion, source: "job" },
    operations: [{ ...operation, sentence: "x", facts: {}, warnings: [], failure: null }],
  });
  await writeVaultReport(lab.vault, told, await noteSigner(env));
}

test("a vault in which nothing was ever made is critical, not unknown; what can be well is", async () => {
  expect(await states()).toMatchObject({
    ...{ "set-daily": "critical", "set-weekly": "critical", "set-monthly": "critical" },
    ...{ "set-verified": "critical", "set-proven": "critical", reports: "critical" },
    ...{ "set-shrinks": "ok", holds: "ok", incident: "ok", clocks: "ok", "keys-expiry": "ok", "vault-size": "ok" },
    ...{ "runbook-reviews": "ok", "rescue-kit": "critical" },
  });
});

test("sets in time, locked, whole and proven are well, whatever junk lies beside them", async () => {
  const daily = await makeSet("daily", 5);
  await Promise.all([
    makeSet("weekly", 20),
    makeSet("monthly", 20),
    layProof(lab.vault, lab.prover, daily, ago(1), 77),
    report(5, "success"),
  ]);
  // Newer by its name, signed by a key that signs no sets.
  await makeSet("daily", 1, false);
  const found = await findings();
  const trouble = [...found].filter(([, { state }]) => state !== "ok").map(([id]) => id);
  // The lab's bucket has no rules for archives, and its policy promises what it cannot keep; nobody has made a rescue kit.
  expect(trouble.sort()).toEqual(["locks", "promises", "rescue-kit"]);
  expect(found.get("locks")).toMatchObject({ state: "warning", found: expect.stringContaining("Archive lifecycle") });
  // Everybody may read what the checks say.
  expect(JSON.stringify([...found])).not.toContain(lab.vault.bucket);
  const due = new Date(ago(5).getTime() + 20 * 3_600_000).toISOString();
  expect(found.get("set-daily")).toMatchObject({ dueAt: due, measure: { value: 1_000_000, unit: "bytes" } });
  expect(found.get("set-proven")).toMatchObject({ measure: { value: 77, unit: "seconds" } });
  expect(found.get("set-shrinks")).toMatchObject({ measure: { value: 1000, unit: "rows" } });
});

test("a hidden part, a failing job, a channel that takes nothing, a planted repair and an incident each turn their check", async () => {
  const newest = await makeSet("daily", 0.5);
  // Days ago: the channel has taken all since.
  await report(72, "success", ["slack"]);
  expect(await states()).toMatchObject({ "set-verified": "ok", reports: "ok" });
  await lab.vault.put(`${setPrefix("daily", newest.set)}${newest.artifacts[0]?.name}`, Buffer.from("x"));
  await report(0.5, "success", ["slack"]);
  expect(await states()).toMatchObject({ "set-verified": "warning", reports: "warning", incident: "ok" });
  for (const hours of [0.1, 0.2, 0.3]) await report(hours, "failure");
  const said = { id: idAt(ago(0)), reason: "keys of Ada", by: "a test", at: now };
  await beginIncident(lab.vault, said, undefined);
  await lab.vault.put("repairs/20261122T221500Z-1a2b3c4d/plan.json", Buffer.from("{}"));
  const found = await findings();
  expect(found.get("locks")).toMatchObject({ state: "critical", found: expect.stringContaining("among repairs") });
  expect(found.get("reports")?.state).toBe("critical");
  expect(found.get("incident")).toMatchObject({ state: "warning", found: expect.stringContaining(said.id) });
  expect(JSON.stringify([...found])).not.toContain("Ada");
});

test("the set that a backup has just made by the default policy is verified, without anybody doing anything, and so is a kit", async () => {
  const { vault } = policySchema.parse(qimma);
  await using made = await openBackupLab(sharedS3(), { policy: (policy) => ({ ...policy, vault }) });
  const { superuserUrl } = sharedPostgres(17);
  const project = await createProject(superuserUrl(), `monitor_${process.pid}`);
  try {
    const { set } = await backUp(made, project.backupUrl);
    const look = async (check: string) =>
      (await checks(["vault"], made.env(project.backupUrl))).find(({ id }) => id === check)?.look();
    expect(await look("set-verified")).toMatchObject({ state: "ok", found: expect.stringContaining(set) });
    expect(await look("rescue-kit")).toMatchObject({
      state: "critical",
      found: expect.stringContaining("no rescue kit"),
    });
    expect(await lifeboat(["kit", "build"], made.env(project.backupUrl))).toMatchObject({ code: 0 });
    expect(await look("rescue-kit")).toMatchObject({ state: "ok" });
  } finally {
    await dropProject(superuserUrl(), project.name);
  }
}, 30_000);

test("a vault that is not set or does not answer is nobody's finding", async () => {
  const asking = ["set-daily", "set-verified", "locks", "holds", "incident", "reports", "vault-size", "clocks"];
  const unset = await checks([]);
  const away = await checks(["vault"], { AWS_ENDPOINT_URL: "http://127.0.0.1:9" });
  for (const id of asking) {
    const look = (all: typeof unset) => all.find((one) => one.id === id)?.look();
    await expect(look(unset), id).rejects.toMatchObject({ code: "configuration", next: expect.any(String) });
    if (id !== "locks") await expect(look(away), id).rejects.toMatchObject({ name: "OperationError" });
  }
});
