import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { runbookOf } from "../../actions/lib/operations/drill/runbook-text.ts";
import { proposeRunbooks } from "../../actions/lib/operations/publish/propose-runbooks.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import { drillScenarios, type Proof, proofSchema } from "../../actions/lib/vault/format/proof.ts";
import { encodeProof, writeProof } from "../../actions/lib/vault/sets/proof-store.ts";
import { type LabPullsApi, startPullsApi } from "../lab/servers/pulls-api.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";

/** What drills measured becomes a pull request for the scenario's runbook, against a lab's GitHub. */

const root = new URL("../../", import.meta.url);
const repository = "school/lifeboat";
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
const path = runbookOf("complete-loss");
let lab: BackupLab;
let github: LabPullsApi;

beforeEach(async () => {
  lab = await openBackupLab(sharedS3(), { lock: false });
  github = await startPullsApi(
    repository,
    Object.fromEntries(drillScenarios.map((one) => [runbookOf(one), read(runbookOf(one))])),
  );
});
afterEach(async () => {
  await github?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

async function prove(day: string, change: Partial<Proof> = {}, signer = lab.prover): Promise<string> {
  const id = `${day.replaceAll("-", "")}T060000Z-0000000a`;
  const proof = proofSchema.parse({
    ...{ format: "lifeboat-proof/1", proof: id, set: `${day.replaceAll("-", "")}T010000Z-0000000b`, tier: "daily" },
    ...{ snapshotAt: `${day}T01:00:00Z`, turn: "named", manifestSha256: "0".repeat(64) },
    ...{ startedAt: `${day}T06:00:00Z`, finishedAt: `${day}T06:30:00Z`, outcome: "proven" },
    target: { name: "staging", projectRef: "ref", kind: "supabase", serverVersion: "17.1" },
    software: { lifeboat: "0", node: "24" },
    counts: { objects: 1, tables: 1, rows: "1", foreignKeysChecked: 0, databaseBytes: "1", storedBytes: "1" },
    differences: { failed: 0, expected: 0, unverified: 0 },
    ...{ files: null, checks: [], performance: [], defect: null, stages: [], restoreSeconds: 77, totalSeconds: 99 },
    drill: {
      ...{ scenario: "complete-loss", rtoMinutes: 120, machineSeconds: 1800, human: null, withFiles: true },
      phases: [{ name: "restore the set", seconds: 1500, late: false }],
      lost: { seconds: 60, rows: null, files: null, measuredBy: "times" },
      ...{ configuration: null, migrations: null, failures: [], byHand: [], dollars: null },
      sabotage: { kind: "missing part", seed: "00000000", refused: true },
    },
    ...change,
  });
  const bytes = encodeProof(proof);
  await writeProof(lab.vault, proof, bytes, await signDetached(bytes, signer), null);
  return id;
}

async function propose(): Promise<string[]> {
  const config = await loadConfig({ needs: ["vault"], env: lab.env("") });
  const run = { workflow: "report", runId: "1", attempt: 1, job: "report", event: "schedule", url: null, commit: null };
  using context = new Context({ config, log: silentLog, signal: new AbortController().signal, run } as never);
  return await proposeRunbooks(context, { api: github.url, token: "t", repository });
}

test("a drill becomes one pull request on a branch of its own; asked again, nothing is written", async () => {
  const id = await prove("2099-01-12");
  expect(await propose()).toEqual([expect.stringContaining("https://github.example/pull/1")]);
  expect(github.pulls).toMatchObject([
    { head: `drill/${id}`, title: "Runbook complete-loss: what the drill measured" },
  ]);
  expect(github.branches.get("main")?.get(path)).toBe(read(path));
  const proposed = github.branches.get(`drill/${id}`)?.get(path) ?? "";
  expect(proposed).toContain("reviewed: 2099-01-12");
  expect(proposed).toContain("| restore the set | 25 min |");
  const writes = github.writes.length;
  await propose();
  expect([github.writes.length, github.pulls.length]).toEqual([writes, 1]);
});

test("what somebody has corrected in an open one stays, a merged or a closed one is let be", async () => {
  const id = await prove("2099-01-12");
  await propose();
  const branch = github.branches.get(`drill/${id}`);
  const corrected = (branch?.get(path) ?? "").replace("## Impact", "## Impact\n\nSomebody corrected this.");
  branch?.set(path, corrected);
  github.branches.get("main")?.set(path, read(path).replace("## Meaning", "## Meaning\n\nSomebody wrote this."));
  await propose();
  expect(github.pulls).toHaveLength(1);
  expect(branch?.get(path)).toBe(corrected);

  const [pull] = github.pulls;
  if (pull !== undefined) pull.state = "closed";
  const writes = github.writes.length;
  github.branches.get("main")?.set(path, read(path));
  expect([await propose(), github.writes.length]).toEqual([[], writes]);

  github.branches.get("main")?.set(path, github.branches.get(`drill/${id}`)?.get(path) ?? "");
  expect([await propose(), github.writes.length]).toEqual([[], writes]);
  // The next quarter has its own.
  await prove("2099-04-12", { outcome: "failed" });
  await propose();
  expect(github.pulls.map(({ title }) => title)).toEqual([
    "Runbook complete-loss: what the drill measured",
    "Runbook complete-loss: the drill FAILED",
  ]);
});

test("a page that has lost its marks is told of, and nothing is written", async () => {
  await prove("2099-01-12");
  github.branches.get("main")?.set(path, read(path).replace("<!-- drill:begin -->", ""));
  expect([await propose(), github.writes]).toEqual([[expect.stringContaining("has lost the marks")], []]);
});

test("a proof that the prover has not signed proposes nothing", async () => {
  await prove("2099-01-12", {}, lab.operations);
  expect([await propose(), github.writes]).toEqual([[], []]);
});

test("GitHub's refusal is told with what it needs, and is no failure", async () => {
  await prove("2099-01-12");
  github.broken = 403;
  expect(await propose()).toEqual([
    expect.stringMatching(/could not be proposed.*status 403.*let Actions create pull requests/),
  ]);
});
