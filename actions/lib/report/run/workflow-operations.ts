import type { Operation } from "./run-report.ts";

/** What each workflow does, by its file's name, for runs that could not say so themselves. */
const operations: Readonly<Record<string, Operation>> = {
  "daily-backup": "backup",
  "weekly-export": "backup",
  "monthly-archive": "backup",
  "storage-sync": "sync",
  monitor: "monitor",
  retention: "retention",
  "restore-test": "test",
  "disaster-drill": "drill",
  restore: "restore",
  erasure: "erase",
};

/** What to read when one failed. */
const pages: Readonly<Partial<Record<Operation, string>>> = {
  sync: "runbooks/sync-failed.md",
  test: "runbooks/restore-test-failed.md",
  verify: "runbooks/verification-failed.md",
  restore: "runbooks/restore-failed.md",
};

/** @returns undefined for a workflow whose runs are not reported, e.g. ci */
export function operationOf(workflow: string): Operation | undefined {
  return operations[workflow];
}

/** The page to read when an operation failed, below the repository's root. */
export function pageOf(operation: Operation): string {
  return pages[operation] ?? "runbooks/backup-failed.md";
}
