import { expect, test } from "vitest";
import { lostFailure, lostSets } from "../../actions/lib/report/branch/lost-sets.ts";
import { planBranch } from "../../actions/lib/report/branch/plan-branch.ts";
import type { Standing } from "../../actions/lib/report/branch/standing.ts";
import { rowOf } from "../../actions/lib/report/run/run-row.ts";
import { now, reportOf } from "./simulated-runs.ts";

const day = 86_400_000;
const at = (daysAgo: number): string => new Date(now.getTime() - daysAgo * day).toISOString();
const set = (daysAgo: number): string => `${at(daysAgo).replaceAll(/[-:]|\.\d+/g, "")}-0000000a`;
const backup = (daysAgo: number, seconds = 240) => {
  const facts = {
    set: set(daysAgo),
    tier: "daily",
    snapshotAt: at(daysAgo),
    plainBytes: 1,
    bucket: "vault",
  } as const;
  return reportOf({
    runId: String(100 - daysAgo),
    at: at(daysAgo),
    seconds,
    operation: { operation: "backup", facts },
  });
};
const vaultOf = (days: readonly number[], more: Partial<Standing> = {}): Standing => ({
  sets: days.map((ago) => ({
    ...{ set: set(ago), tier: "daily" as const, snapshotAt: at(ago), plainBytes: 1, rows: 1, provenAt: null },
  })),
  ...{ restores: [], proven: null, files: null, source: "vault", bucket: "vault", complete: true, ...more },
});
const rows = [1, 2, 3, 9].map((ago) => rowOf(backup(ago)));

test("sets that reports know of and the vault has lost are named, those at the head too", () => {
  expect(lostSets(rows, vaultOf([1, 2, 3]), now)).toEqual([]);
  expect(lostSets(rows, vaultOf([3]), now)).toEqual([set(2), set(1)]);
  expect(lostSets(rows, vaultOf([]), now)).toHaveLength(3);
  expect(lostFailure([set(2), set(1)])).toMatchObject({ code: "vault-rolled-back" });
  expect(lostFailure([])).toBeUndefined();
});

test("what the vault could not have been asked for is not called lost", () => {
  // Of so many sets only the newest were listed.
  expect(lostSets(rows, vaultOf([1], { complete: false }), now)).toEqual([]);
  // The run ended after the vault had been asked, and its set may be newer than the answer.
  expect(lostSets([rowOf(backup(1, 2 * 86_400))], vaultOf([]), now)).toEqual([]);
  // Another bucket is the vault now.
  expect(lostSets(rows, vaultOf([], { bucket: "new" }), now)).toEqual([]);
  expect(lostSets(rows, undefined, now)).toEqual([]);
  expect(lostSets(rows, vaultOf([], { source: "reports" }), now)).toEqual([]);
});

test("a files' vault that was put back is named by the newest snapshot that reports know of", () => {
  const sync = (daysAgo: number) => {
    const facts = { set: set(daysAgo), snapshotAt: at(daysAgo), bucket: "files" };
    return rowOf(reportOf({ runId: String(daysAgo), at: at(daysAgo), operation: { operation: "sync", facts } }));
  };
  const copies = [sync(3), sync(2)];
  const files = (daysAgo: number) => ({ files: { at: at(daysAgo), bytes: 1 }, filesBucket: "files" });
  expect(lostSets(copies, vaultOf([], files(2)), now)).toEqual([]);
  expect(lostSets(copies, vaultOf([], files(1)), now)).toEqual([]);
  expect(lostSets(copies, vaultOf([], files(3)), now)).toEqual([set(2)]);
  expect(lostSets(copies, vaultOf([], { files: null, filesBucket: "files" }), now)).toEqual([set(2)]);
  // Not asked, or another bucket is the vault now.
  expect(lostSets(copies, vaultOf([], { files: undefined }), now)).toEqual([]);
  expect(lostSets(copies, vaultOf([], { files: null, filesBucket: "new" }), now)).toEqual([]);
});

test("the page says so at its top, from the reports that are committed already", () => {
  const empty = { paths: [], read: () => "" };
  const news = { project: "q", reports: [backup(1), backup(2)], notes: [], now };
  const plan = planBranch(empty, { ...news, standing: vaultOf([2]) });
  expect(plan.lost).toEqual([set(1)]);
  expect([...plan.changes].find(([path]) => path === "README.md")?.[1]).toMatch(/ALARM: the reports know of 1 set/);
});
