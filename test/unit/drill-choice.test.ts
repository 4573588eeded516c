import { expect, test } from "vitest";
import { chooseScenario, type PlayedDrill, playable, quarterOf } from "../../actions/lib/operations/drill/choose.ts";
import { type DrillScenario, drillScenarios } from "../../actions/lib/vault/format/proof.ts";

const able = playable(true);

/** Mid-quarter days of ten years; `late` says by how many days each drill comes late, or that it is missed. */
function tenYears(seed: number, late: (quarter: number) => number | "missed"): PlayedDrill[] {
  const played: PlayedDrill[] = [];
  for (let quarter = 0; quarter < 40; quarter++) {
    const days = late(quarter);
    if (days === "missed") continue;
    const now = new Date(Date.UTC(2026, quarter * 3, 12 + days));
    const scenario = chooseScenario({ played, able, now, seed: `${seed} ${quarter}` });
    if (scenario !== undefined) played.push({ scenario, startedAt: now.toISOString() });
  }
  return played;
}

test("no scenario is skipped in any year of ten, whatever the seeds", () => {
  for (let seed = 0; seed < 200; seed++) {
    const played = tenYears(seed, () => 0);
    for (let year = 2026; year < 2036; year++) {
      const ofYear = played.filter(({ startedAt }) => startedAt.startsWith(String(year)));
      expect(new Set(ofYear.map(({ scenario }) => scenario))).toEqual(new Set(drillScenarios));
    }
  }
});

test("quarters that are late or missed skip none: each comes within as many drills as there are scenarios", () => {
  for (let seed = 0; seed < 200; seed++) {
    const played = tenYears(seed, (quarter) => ((seed + quarter * 7) % 5 === 0 ? "missed" : (seed * quarter) % 60));
    for (let from = 0; from + able.length <= played.length; from++)
      expect(new Set(played.slice(from, from + able.length).map(({ scenario }) => scenario)).size).toBe(able.length);
  }
});

test("seeds decide where several have waited equally long", () => {
  const first = (seed: string) => chooseScenario({ played: [], able, now: new Date(), seed });
  const chosen = new Set(Array.from({ length: 50 }, (_, seed) => first(String(seed))));
  expect(chosen).toEqual(new Set(drillScenarios));
  expect(first("x")).toBe(first("x"));
});

test("a drill is played again as long as its quarter lasts, and the next quarter has another", () => {
  const played: PlayedDrill[] = [
    { scenario: "regional-disaster", startedAt: "2026-01-12T05:00:00Z" },
    { scenario: "complete-loss", startedAt: "2026-04-12T05:00:00Z" },
  ];
  const at = (now: string) => chooseScenario({ played, able, now: new Date(now), seed: "s" });
  expect(at("2026-06-30T23:59:59Z")).toBe("complete-loss");
  expect(at("2026-07-01T00:00:00Z")).toBe("database-failure");
});

test("without a replica the loss of a region is not played, not even again", () => {
  const alone = playable(false);
  expect(alone).not.toContain("regional-disaster");
  const played: PlayedDrill[] = [{ scenario: "regional-disaster", startedAt: "2026-04-12T05:00:00Z" }];
  const chosen = chooseScenario({ played, able: alone, now: new Date("2026-04-13T00:00:00Z"), seed: "s" });
  expect(alone).toContain(chosen as DrillScenario);
});

test("quarters are UTC's", () => {
  expect(quarterOf(new Date("2026-03-31T23:59:59Z"))).toBe("2026-Q1");
  expect(quarterOf(new Date("2026-04-01T01:00:00+02:00"))).toBe("2026-Q1");
  expect(quarterOf(new Date("2026-12-01T00:00:00Z"))).toBe("2026-Q4");
});
