import { describe, expect, test } from "vitest";
import type { Difference } from "../../actions/lib/compare/difference.ts";
import { judgeRls, judgeRows, judgeValue } from "../../actions/lib/operations/test-restore/checks/database-checks.ts";
import { judgeAnswer } from "../../actions/lib/operations/test-restore/checks/outside-checks.ts";
import { judgeDefect, SeededChoice } from "../../actions/lib/operations/test-restore/defect/defect.ts";
import { comparePerformance, findBloat } from "../../actions/lib/operations/test-restore/performance/compare.ts";
import {
  type Measurement,
  percentile,
  readExplained,
} from "../../actions/lib/operations/test-restore/performance/measure.ts";
import { loudSettings } from "../../actions/lib/supabase/project.ts";
import type { Proof } from "../../actions/lib/vault/format/proof.ts";

describe("SQL assertions", () => {
  test.each([
    ["0", { value: 0 }, "passed"],
    ["t", { value: true }, "passed"],
    [null, { value: null }, "passed"],
    ["1", { value: 0 }, "failed"],
    [undefined, { value: 0 }, "failed"],
    ["exam-12", { matches: "^exam-\\d+$" }, "passed"],
    [null, { matches: "" }, "failed"],
    ["5", { min: 1, max: 5 }, "passed"],
    ["6", { max: 5 }, "failed"],
    ["0", { min: 1 }, "failed"],
    ["abc", { min: 1 }, "failed"],
  ] as const)("%s against %o has %s", (found, expected, outcome) => {
    expect(judgeValue(found, expected).outcome).toBe(outcome);
  });

  test("findings tell no value", () => {
    expect(judgeValue("noura@example.org", { value: "somebody@example.org" }).finding).not.toContain("@");
    expect(judgeRows(3, { max: 2 })).toMatchObject({ outcome: "failed", finding: expect.stringContaining("3 rows") });
    expect(judgeRows(3, 3).outcome).toBe("passed");
  });
});

describe("row level security", () => {
  const seen = (...rows: string[]) => new Set(rows);
  const strict = { each: "some", between: "disjoint", anon: "none" } as const;
  test.each([
    ["apart", strict, seen(), seen("a"), seen("b"), "passed"],
    ["one sees the other's", strict, seen(), seen("a", "b"), seen("b"), "failed"],
    ["a visitor sees something", strict, seen("a"), seen("a"), seen("b"), "failed"],
    ["one sees nothing", strict, seen(), seen("a"), seen(), "failed"],
    ["the same for all", { each: "some", between: "same", anon: "some" }, seen("a"), seen("a"), seen("a"), "passed"],
    ["not the same", { each: "some", between: "same", anon: "any" }, seen(), seen("a"), seen("a", "b"), "failed"],
    ["nobody anything", { each: "none", between: "any", anon: "none" }, seen(), seen(), seen("b"), "failed"],
  ] as const)("%s", (_name, expect_, anon, first, second, outcome) => {
    expect(judgeRls(expect_, { anon, first, second }).outcome).toBe(outcome);
  });
});

test("HTTP answers: status, places in JSON, lengths; nothing that is only inherited", () => {
  const json = (path: string[], more: object) => ({ status: 200, json: [{ path, ...more }] });
  const body = JSON.stringify([{ id: 7, tags: ["a"] }]);
  expect(judgeAnswer(json(["0", "id"], { equals: 7 }), 200, body).outcome).toBe("passed");
  expect(judgeAnswer(json(["0", "tags"], { length: 1 }), 200, body).outcome).toBe("passed");
  expect(judgeAnswer(json(["0", "id"], { equals: 8 }), 200, body).outcome).toBe("failed");
  expect(judgeAnswer(json(["0", "constructor"], {}), 200, body).outcome).toBe("failed");
  expect(judgeAnswer(json(["0"], {}), 200, "<html>").outcome).toBe("failed");
  expect(judgeAnswer(json([], {}), 500, body)).toMatchObject({
    outcome: "failed",
    finding: "status 500 instead of 200",
  });
});

describe("speed against earlier tests", () => {
  const policy = { tolerance: 2, minimumMs: 50 };
  const here = { projectRef: "s", serverVersion: "17.4" };
  const now = (p50Ms: number, p95Ms = p50Ms, indexes: string[] = ["i"]): Measurement => ({
    ...{ name: "q", kind: "query", sha256: "a".repeat(64), runs: 20, p50Ms, p95Ms, indexes, problem: undefined },
  });
  const earlier = (p50Ms: number, change: Partial<Proof> = {}): Proof =>
    ({
      outcome: "proven",
      target: { name: "staging", projectRef: "s", kind: "supabase", serverVersion: "17.2" },
      performance: [{ ...now(p50Ms), verdict: "first" }],
      ...change,
    }) as unknown as Proof;
  const verdict = (measured: Measurement, before: Proof[]) => comparePerformance([measured], before, here, policy)[0];

  test("the first has nothing to compare with, and neither has a changed query, another project or a failed test", () => {
    expect(verdict(now(10), [])?.verdict).toBe("first");
    expect(verdict({ ...now(10), sha256: "b".repeat(64) }, [earlier(1)])?.verdict).toBe("first");
    expect(verdict(now(10), [earlier(1, { outcome: "failed" })])?.verdict).toBe("first");
    expect(verdict(now(10), [earlier(1, { target: { ...earlier(1).target, projectRef: "x" } })])?.verdict).toBe(
      "first",
    );
  });

  test("slower needs the ratio and the milliseconds", () => {
    expect(verdict(now(300), [earlier(100)])).toMatchObject({ verdict: "slower", ratioP50: 3 });
    expect(verdict(now(3), [earlier(1)])?.verdict).toBe("as-before");
    expect(verdict(now(190), [earlier(100)])?.verdict).toBe("as-before");
    expect(verdict(now(100, 350), [earlier(100)])?.verdict).toBe("as-before");
    expect(verdict(now(100, 450), [earlier(100)])?.verdict).toBe("slower");
  });

  test("one slow test does not move the baseline, and only the last five count", () => {
    expect(verdict(now(300), [earlier(100), earlier(900), earlier(100)])?.ratioP50).toBe(3);
    const old = Array.from({ length: 9 }, () => earlier(10_000));
    expect(verdict(now(300), [...old, ...Array.from({ length: 5 }, () => earlier(100))])?.ratioP50).toBe(3);
  });

  test("an index that every earlier plan used is named when it goes unused", () => {
    const sometimes = earlier(1, { performance: [{ ...now(1, 1, ["i", "j"]), verdict: "first" }] });
    expect(verdict(now(1, 1, []), [earlier(1), sometimes])?.unusedIndexes).toEqual(["i"]);
    expect(verdict(now(1), [earlier(1), sometimes])?.unusedIndexes).toEqual([]);
  });

  test("percentiles are by nearest rank", () => {
    const values = Array.from({ length: 20 }, (_, at) => 20 - at);
    expect([percentile(values, 50), percentile(values, 95), percentile([], 50)]).toEqual([10, 19, 0]);
  });

  test("of a plan only times and indexes are read", () => {
    const inner = { "Node Type": "Bitmap Index Scan", "Index Name": "b", "Index Cond": "(id = 'secret')" };
    const plan = { "Node Type": "Nested Loop", Plans: [{ "Index Name": "a", Filter: "x = 'secret'", Plans: [inner] }] };
    const read = readExplained([{ Plan: plan, "Planning Time": 1, "Execution Time": 2.5 }]);
    expect(read).toEqual({ milliseconds: 3.5, indexes: ["a", "b"] });
  });

  test("bloat is what a table takes beyond its rows, when it is worth a word", () => {
    const table = (name: string, bytes: number) => ({ schema: "public", name, bytes, carried: true });
    const tables = [table("bloated", 9e8), table("small", 9e4), table("tight", 9e8)];
    const here_ = new Map([
      ["public.bloated", 1e8],
      ["public.small", 1e4],
      ["public.tight", 8e8],
    ]);
    expect(findBloat({ tables: tables as never }, here_).map(({ table: name }) => name)).toEqual(["public.bloated"]);
  });
});

describe("the planted defect", () => {
  const difference = (kind: string, identity: string, change: Partial<Difference> = {}): Difference => ({
    ...{ kind, identity, aspect: "rows", detail: "", verdict: "failed", why: "", ...change },
  });
  const planted = { expected: { kind: "table", identity: "public.t", aspect: "rows" as const } };
  const before = [difference("role", "anon", { aspect: "settings", verdict: "expected" })];
  const it = difference("table", "public.t");

  test("is found when it and nothing new is named", () => {
    expect(judgeDefect(planted, before, [...before, it])).toEqual({ outcome: "found", others: [] });
  });
  test("is missed when nothing is named, when something else is, and when it counts as expected", () => {
    expect(judgeDefect(planted, before, before).outcome).toBe("missed");
    expect(judgeDefect(planted, before, [...before, difference("table", "public.u")]).outcome).toBe("missed");
    expect(judgeDefect(planted, before, [...before, { ...it, verdict: "expected" }]).outcome).toBe("missed");
  });
  test("is no proof of good eyes when others are blamed", () => {
    const also = judgeDefect(planted, before, [...before, it, difference("table", "public.u")]);
    expect(also).toEqual({ outcome: "blamed-others", others: ["table public.u: rows (failed)"] });
  });
  test("is chosen alike by equal seeds", () => {
    const order = (seed: string) => new SeededChoice(seed).shuffled([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(order("00c0ffee")).toEqual(order("00c0ffee"));
    expect(order("00c0ffee")).not.toEqual(order("00c0ffef"));
    expect(order("00c0ffee").toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

test("of the auth server's settings those that speak to the outside are found", () => {
  expect(
    loudSettings({
      ...{ hook_send_email_enabled: true, hook_send_sms_enabled: false, hook_send_email_uri: "https://x" },
      ...{ smtp_host: "smtp.example.org", external_phone_enabled: true, external_email_enabled: true },
    }),
  ).toEqual({ hook_send_email_enabled: false, smtp_host: null, external_phone_enabled: false });
  expect(loudSettings({ smtp_host: "", smtp_admin_email: null })).toEqual({});
});
