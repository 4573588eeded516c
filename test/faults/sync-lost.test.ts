import { afterEach, beforeEach, expect, test } from "vitest";
import { openSyncLab, type SyncLab } from "../integration/sync-lab.ts";
import { withClient } from "../lab/index.ts";
import { seedFiles } from "../lab/storage/index.ts";

/** A database that was restored without its files has rows by the thousand that point at nothing. */
let lab: SyncLab;
beforeEach(async () => {
  lab = await openSyncLab();
  await seedFiles(lab.project, lab.storage, { count: 24, bytes: 48_000, seed: 5 });
});
afterEach(() => lab[Symbol.asyncDispose]());

async function loseAllBut(kept: number): Promise<void> {
  const { rows } = await withClient(lab.project.superuserUrl, (client) =>
    client.query<{ version: string }>("select version from storage.objects order by id offset $1", [kept]),
  );
  for (const { version } of rows) await lab.storage.files.remove(version);
}

test("most files lost: each is named, the others are copied, and the next run says the same", async () => {
  await loseAllBut(3);
  let asked = 0;
  lab.storage.inject({ kind: "slow", on: ({ operation }) => operation === "GetObject" && ++asked < 0 });
  const first = await lab.sync();
  expect(first.counts).toMatchObject({ files: 3, filesCopied: 3, findings: { lost: 21 } });
  asked = 0;
  const second = await lab.sync();
  expect(second.counts).toMatchObject({ files: 3, filesCopied: 0, findings: { lost: 21 } });
  // Once each: nobody expects to find them.
  expect(asked).toBe(21);
});

test("files that cannot be read because Storage has an outage in the middle of the copy are not called lost", async () => {
  let asked = 0;
  lab.storage.inject({ kind: "internal-error", on: ({ operation }) => operation === "GetObject" && ++asked > 6 });
  await expect(lab.sync()).rejects.toMatchObject({ code: "source-unavailable", exitCode: 1 });
});
