import { describe, expect, test } from "vitest";
import {
  type ContentFacts,
  type Evidence,
  type InsideFacts,
  judgeInside,
} from "../../actions/lib/operations/recover/database-failure/judge-inside.ts";
import { judgeReturned } from "../../actions/lib/operations/recover/database-failure/page.ts";

const at = Date.UTC(2026, 10, 29, 14, 5);
const minute = 60_000;
const requestedAt = at + 10 * minute;

function inside(change: Partial<InsideFacts> = {}): InsideFacts {
  return {
    ...{
      askedAt: requestedAt + 2 * minute,
      uptime: minute,
      timeline: 8,
      inRecovery: false,
      readOnly: false,
      tables: 40,
    },
    sentinels: { before: { at: at - 30_000, timeline: 7 }, after: { count: 0, newest: null }, newest: at - 30_000 },
    ...change,
  };
}

/** Read before the request, nine minutes after the moment. */
const before = inside({
  ...{ askedAt: requestedAt - minute, uptime: 1e9, timeline: 7 },
  sentinels: {
    before: { at: at - 30_000, timeline: 7 },
    after: { count: 0, newest: null },
    newest: at + 9 * minute,
  },
});

const contents: ContentFacts = {
  ...{ set: "20261129T020000Z-00000000", snapshotAt: new Date(at - 600 * minute).toISOString() },
  objects: { expected: 300, missing: [] },
  tables: { expected: 40, missing: [], shrunk: [], uncounted: 0, equal: 30 },
  rows: { expected: 100_000, found: 101_000 },
};

const good: Evidence = { target: { unix: at / 1000, typed: "" }, requestedAt, before, now: inside(), contents };
const judge = (change: Partial<Evidence>) => judgeInside({ ...good, ...change });
const verdictOf = (change: Partial<Evidence>, what: string) =>
  judge(change).findings.find((finding) => finding.what === what)?.verdict;

describe("a database that went back to a moment", () => {
  test("is proven by its start, its sentinels and what is in it", () => {
    expect(judge({})).toMatchObject({ verdict: "proven" });
  });

  test("is proven without anything known from before by the new timeline, and by it alone", () => {
    expect(judge({ before: undefined }).verdict).toBe("proven");
    expect(judge({ before: undefined, now: inside({ timeline: 7 }) }).verdict).toBe("unproven");
    expect(judge({ before: undefined, now: inside({ timeline: null }) }).verdict).toBe("unproven");
  });

  test("is not proven by rows alone that tell of an older timeline than the server itself had", () => {
    const forged = { before: { at: at - 30_000, timeline: 1 }, after: { count: 0, newest: null }, newest: at - 30_000 };
    const known = { ...before, sentinels: forged };
    expect(judge({ before: known, now: inside({ timeline: 7, sentinels: forged }) }).verdict).toBe("unproven");
    expect(judge({ before: known, now: inside({ timeline: 8, sentinels: forged }) }).verdict).toBe("proven");
  });

  test("is proven whatever the database's clock says, and again after another restart", () => {
    const restarted = inside({ askedAt: requestedAt + 60 * minute, uptime: minute });
    expect(judge({ now: restarted }).verdict).toBe("proven");
  });

  test("is unproven without sentinels, and where the newest is far from the moment", () => {
    const bare = { ...before, sentinels: null };
    expect(judge({ before: bare, now: inside({ sentinels: null }) })).toMatchObject({ verdict: "unproven" });
    const early = { before: { at: at - 60 * minute, timeline: 7 }, after: { count: 0, newest: null }, newest: 0 };
    expect(judge({ before: undefined, now: inside({ sentinels: early }) }).verdict).toBe("unproven");
  });

  test("is unproven until it was compared with a set, and where it takes no writes", () => {
    expect(judge({ contents: undefined }).verdict).toBe("unproven");
    expect(judge({ now: inside({ readOnly: true }) }).verdict).toBe("unproven");
  });
});

describe("a database that did not go back to the moment is never called so:", () => {
  const sentinels = {
    before: { at: at - 30_000, timeline: 7 },
    after: { count: 0, newest: null },
    newest: at - 30_000,
  };
  const cases: Readonly<Record<string, [Partial<Evidence>, string]>> = {
    "the server has run since before the request": [{ now: inside({ uptime: 3 * minute }) }, "restart"],
    "no request was sent": [{ requestedAt: null }, "restart"],
    "it still replays": [{ now: inside({ inRecovery: true }) }, "state"],
    "it was only started again": [
      { now: inside({ timeline: 7, sentinels: { ...sentinels, after: { count: 9, newest: at + 9 * minute } } }) },
      "rewound",
    ],
    "it went back too far": [
      { now: inside({ sentinels: { ...sentinels, before: { at: at - 61 * minute, timeline: 7 } } }) },
      "moment",
    ],
    "its sentinels are gone": [{ now: inside({ sentinels: null }) }, "moment"],
    "an empty cluster came up": [{ now: inside({ tables: 0, sentinels: null }), before: undefined }, "catalogue"],
    "most of its objects are gone": [
      { contents: { ...contents, objects: { expected: 10, missing: ["a", "b", "c", "d", "e", "f"] } } },
      "catalogue",
    ],
    "its tables are empty": [{ contents: { ...contents, rows: { expected: 100_000, found: 0 } } }, "rows"],
  };
  test.each(Object.entries(cases))("%s", (_, [change, what]) => {
    expect(judge(change).verdict).toBe("failed");
    expect(verdictOf(change, what)).toBe("failed");
  });

  test("a few objects that are missing, shrunken tables and uncounted ones keep it from being proven", () => {
    const doubtful: Partial<ContentFacts>[] = [
      { objects: { expected: 300, missing: ["table public.a"] } },
      { tables: { ...contents.tables, shrunk: ["public.exams"] } },
      { tables: { ...contents.tables, uncounted: 1 } },
    ];
    for (const change of doubtful)
      expect(judge({ contents: { ...contents, ...change } }).verdict, JSON.stringify(change)).toBe("unproven");
  });
});

test("a database that is back is recovered only when its proof holds and no file stayed away", () => {
  const files = { sentence: "Every file has its bytes.", rows: [], wrong: false };
  const lost = { ...files, sentence: "Of 3 files without bytes 1 came back from the vault.", wrong: true };
  expect(judgeReturned("proven", files, "It is back.")).toEqual({ outcome: "recovered" });
  expect(judgeReturned("proven", lost, "It is back.")).toMatchObject({
    ...{ outcome: "differs", failure: { code: "files-not-back", message: lost.sentence } },
  });
  for (const verdict of ["unproven", null] as const)
    expect(judgeReturned(verdict, lost, "It is back.")).toMatchObject({
      ...{ outcome: "unproven", failure: { code: "recovery-unproven" } },
    });
});
