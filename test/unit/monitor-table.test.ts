import { describe, expect, test } from "vitest";
import { ConfigurationError, OperationError } from "../../actions/lib/base/errors.ts";
import type { Check } from "../../actions/lib/operations/monitor/check.ts";
import { monitorPage } from "../../actions/lib/operations/monitor/page.ts";
import { runTable } from "../../actions/lib/operations/monitor/table.ts";
import type { Finding } from "../../actions/lib/policy/monitor/check.ts";
import { noState } from "../../actions/lib/policy/monitor/state.ts";
import { refusalOf } from "../../actions/lib/supabase/api-refusal.ts";
import { recordingLog } from "../integration/backup-lab.ts";

const check = (id: string, look: Check["look"]): Check => ({
  ...{ id, group: "supabase", title: id, runbook: "runbooks/backup-failed.md", look },
});

async function found(look: Check["look"], clean = (text: string): string => text): Promise<Finding> {
  const { signal } = new AbortController();
  const [result] = await runTable([check("a", look)], { log: recordingLog(), signal, clean, milliseconds: 50 });
  if (result === undefined) throw new Error("The table has no row.");
  return result;
}

test("what is not set is said once for all checks that need it, and never logged beside the table", async () => {
  const log = recordingLog();
  const unset = new ConfigurationError("configuration", "TOKEN is not set.", "Set TOKEN.");
  const checks = ["a", "b", "c"].map((id) => check(id, () => Promise.reject(unset)));
  const results = await runTable(checks, { log, signal: new AbortController().signal, clean: (text) => text });
  const { notes } = monitorPage({ results, state: noState, silences: [], now: new Date(), notes: [] });
  expect(notes).toEqual([expect.stringMatching(/^a, b, c: .*Set TOKEN\. See runbooks\/backup-failed\.md\.$/)]);
  expect(log.lines).toEqual([]);
});

const throwing = (error: unknown) => found(() => Promise.reject(error));

describe("a check that cannot look", () => {
  test("names the permission that the token lacks", async () => {
    const text = JSON.stringify({ message: "no", missing_permissions: ["backups:read"] });
    const refused = refusalOf({
      method: "GET",
      path: "/v1/projects/ref/database/backups",
      status: 403,
      text,
      secrets: [],
    });
    expect(await throwing(refused)).toMatchObject({
      state: "unknown",
      found: expect.stringContaining("backups:read"),
      next: expect.stringContaining("backups:read"),
    });
  });

  test("is unknown when its source does not answer, or not in time, with what to do", async () => {
    const slow = found(() => new Promise(() => {}));
    const away = throwing(new OperationError("api-unavailable", "postgres://user:secret@host is away.", "Run again."));
    for (const finding of [await slow, await away]) {
      expect(finding).toMatchObject({ state: "unknown", means: expect.any(String), next: expect.any(String) });
      expect(JSON.stringify(finding)).not.toContain("secret");
    }
  });

  test("says which setting is missing", async () => {
    const unset = new ConfigurationError(
      "configuration",
      "One setting is missing:\n  SUPABASE_ACCESS_TOKEN: is not set.",
    );
    expect(await throwing(unset)).toMatchObject({
      state: "unknown",
      found: "One setting is missing: SUPABASE_ACCESS_TOKEN: is not set.",
    });
  });

  test("is critical when nobody expected why, and repeats no word of it", async () => {
    const finding = await throwing(new TypeError("row (amal@example.edu) is not a function"));
    expect(finding).toMatchObject({ state: "critical", found: "This check itself failed: TypeError." });
    expect(JSON.stringify(finding)).not.toContain("amal");
    expect((await throwing("amal")).found).toBe("This check itself failed: string.");
    const sync = await found(() => {
      throw new RangeError("amal");
    });
    expect(sync).toMatchObject({ state: "critical", found: "This check itself failed: RangeError." });
  });
});

test("one that fails or hangs keeps no other from looking, and the order stays", async () => {
  const { signal } = new AbortController();
  const checks = [
    check("hangs", () => new Promise(() => {})),
    check("throws", () => Promise.reject(new Error("x"))),
    check("looks", async () => ({ state: "ok", found: "All is well." })),
  ];
  const results = await runTable(checks, { log: recordingLog(), signal, clean: (text) => text, milliseconds: 50 });
  expect(results.map(({ id, state }) => [id, state])).toEqual([
    ["hangs", "unknown"],
    ["throws", "critical"],
    ["looks", "ok"],
  ]);
});

test("what a check says is one line, cleaned and not long, and figures and times that are none are left out", async () => {
  const finding = await found(
    async () => ({
      ...{ state: "warning", found: `The\nword secret ${"x".repeat(2000)}`, dueAt: "tomorrow" },
      measure: { value: Number.NaN, limit: 1, unit: "bytes" },
    }),
    (text) => text.replaceAll("secret", "[secret]"),
  );
  expect(finding.found).toMatch(/^The word \[secret\] x+…$/);
  expect(finding.found.length).toBe(500);
  expect(finding.next).toBe("Read its runbook.");
  expect([finding.dueAt, finding.measure]).toEqual([undefined, undefined]);
});
