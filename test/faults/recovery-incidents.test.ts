import { describe, expect, test } from "vitest";
import { renderText } from "../../actions/lib/report/page.ts";
import { brokenIn, incidentsPage, playAll } from "../lab/incidents/page.ts";
import { bounds, playIncident, type Spoilt } from "../lab/incidents/play.ts";
import { tableWanted } from "./table/reporter.ts";

/** A thousand by `npm run faults`, and more with `--full`. */
const count = Number(process.env["LIFEBOAT_RECOVERY_INCIDENTS"] ?? (process.env[tableWanted] === "1" ? 1000 : 40));

describe("whatever goes wrong in a recovery to a point in time", () => {
  test(`${count} incidents: it is never called recovered while the database says otherwise, and a decision comes before the RTO`, async () => {
    const played = await playAll(count);
    expect(brokenIn(played)).toEqual({ lies: [], late: [] });
    // Not by saying nothing: what goes well is called so.
    const untroubled = played.filter(({ troubles }) => troubles.length === 0);
    expect(untroubled.length).toBeGreaterThan(0);
    expect(untroubled.filter(({ outcome }) => outcome !== "proven")).toEqual([]);
    // A request whose answer was lost is not sent again while what it asked for is under way.
    const seen = played.filter(({ troubles }) => !troubles.some((one) => /ignored|only started again/.test(one)));
    expect(seen.filter(({ begun }) => begun > 1)).toEqual([]);
    if (process.env[tableWanted] === "1") process.stdout.write(`${renderText(incidentsPage(played)).join("\n")}\n`);
  }, 3_600_000);

  test("a policy that would wait for longer than the scenario has is cut", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const { seconds } = await playIncident(seed, { planBAfterMinutes: 90 });
      expect(seconds).toBeLessThanOrEqual(bounds.rtoMinutes * 60);
    }
  }, 600_000);
});

type Look = Parameters<NonNullable<Spoilt["look"]>>[0];
const withFacts = (look: Look, change: object): Look =>
  look.kind === "inside" ? { ...look, facts: { ...look.facts, ...change } } : look;
const withSentinels = (look: Look, change: object): Look =>
  look.kind === "inside" && look.facts.sentinels
    ? withFacts(look, { sentinels: { ...look.facts.sentinels, ...change } })
    : look;

describe("such a test fails where a recovery is wrong:", () => {
  const wrong: Readonly<Record<string, Spoilt>> = {
    "every server is taken for one that was just started": {
      look: (look) => withFacts(look, { uptime: 0, timeline: 9 }),
    },
    "sentinels from after the moment are not looked for": {
      look: (look) => withSentinels(look, { after: { count: 0, newest: null } }),
    },
    "the newest sentinel is not asked for its time": {
      look: (look, unix) => withSentinels(look, { before: { at: unix * 1000, timeline: 1 } }),
    },
  };
  for (const [name, spoilt] of Object.entries(wrong))
    test(name, async () => {
      let lies = 0;
      for (let seed = 1; seed <= 400 && lies === 0; seed++)
        lies += (await playIncident(seed, spoilt)).lie === undefined ? 0 : 1;
      expect(lies).toBe(1);
    }, 600_000);
});
