import { expect, test } from "vitest";
import { backupStoreRows } from "../faults/table/backup-store-rows.ts";
import { shareOf } from "../faults/table/share.ts";

test("the share of the fault table that every run plays has each kind of fault, each stage and each ending", () => {
  const share = shareOf(backupStoreRows);
  for (const of of ["kind", "stage", "outcome", "code"] as const) {
    const told = (rows: typeof backupStoreRows) => new Set(rows.map((row) => String(row[of])));
    expect(told(share)).toEqual(told(backupStoreRows));
  }
  expect(share.length).toBeLessThan(backupStoreRows.length / 2);
  expect(shareOf(backupStoreRows)).toEqual(share);
});
