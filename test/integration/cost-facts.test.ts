import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import cost from "../../actions/lib/operations/cost/operation.ts";
import type { CostResult } from "../../actions/lib/operations/cost/result.ts";
import { fillRows, seedFiles } from "../lab/storage/index.ts";
import { backUp } from "./backup-lab.ts";
import { openSyncLab, type SyncLab } from "./sync-lab.ts";

/** The bill of a vault that is there: its sizes are those of the manifests, and what cannot be asked is told. */

let lab: SyncLab;
/** A checkout may have the branch `reports`. */
const elsewhere = /cost\.assumed of the policy|the branch reports/;

beforeAll(async () => {
  lab = await openSyncLab({
    policy: (policy) => ({
      ...policy,
      storage: { failOn: [] },
      cost: { estimate: { supabase: 25, standard: 10, glacier: 2, transfer: 5 } },
    }),
  });
});
afterAll(() => lab?.[Symbol.asyncDispose]());

async function bill(change: Record<string, string> = {}) {
  const { signal } = new AbortController();
  const told = await runOperation(
    cost,
    { months: 12, offline: false },
    { env: lab.env(change), log: silentLog, signal },
  );
  return { ...told, result: told.result as CostResult };
}

const amountOf = ({ months }: CostResult, what: RegExp, month = 0) =>
  months[month]?.lines.find((one) => what.test(one.what))?.amount ?? 0;

test("an empty vault is priced by what the policy assumes, and the page says so", async () => {
  const { result, exitCode, page } = await bill();
  expect(result.told).toMatch(elsewhere);
  expect(exitCode).toBe(0);
  expect(page?.notes?.[0]).toMatch(elsewhere);
});

test("sizes come from the signed manifests of both vaults, and the sets that are there count", async () => {
  await seedFiles(lab.project, lab.storage, { count: 20, bytes: 3_000_000, seed: 5 });
  await backUp(lab.lab, lab.project.backupUrl);
  const set = await backUp(lab.lab, lab.project.backupUrl);
  await lab.sync();
  await fillRows(lab.project, lab.storage);
  await lab.sync();
  const { result } = await bill();
  expect(result.told).toMatch(/^the manifests of the vault, the newest of \d{4}-/);
  // Files of three MB that compress well, sealed, and the lists around them.
  const files = amountOf(result, /^Files in Standard/) * 2 ** 30;
  expect(files).toBeGreaterThan(500_000);
  expect(files).toBeLessThan(4_500_000);
  // What is kept for a day: the two that are there, and those of the first month.
  const stored = Number(set.counts.storedBytes);
  expect(amountOf(result, /^Sets in Standard/) * 2 ** 30).toBeGreaterThan(stored);
}, 300_000);

test("a vault that does not answer is told of, and the bill stands on what is assumed", async () => {
  const { result } = await bill({ AWS_ENDPOINT_URL: "http://127.0.0.1:9" });
  expect(result.told).toMatch(elsewhere);
}, 300_000);
