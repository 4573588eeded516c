import { describe, expect, test } from "vitest";
import { ordinaryRules, randomDays } from "../lab/retention/random-days.ts";
import { brokenCode } from "./retention/broken-code.ts";
import { tableWanted } from "./table/reporter.ts";

/** A thousand days take a fifth of a second. */
const days = Number(process.env["LIFEBOAT_RETENTION_DAYS"] ?? (process.env[tableWanted] === "1" ? 1_000_000 : 6000));
const seeds = 4;
const hours = 3_600_000;

/** Where nothing is locked, retention alone stands between a set and its removal. */
const unlocked = { ...ordinaryRules, locks: false };

describe("days of a vault, good and bad ones at random", () => {
  for (let seed = 1; seed <= seeds; seed++) {
    const rules = seed % 2 === 0 ? ordinaryRules : unlocked;
    test(
      `${days / seeds} of them, by seed ${seed}: no newest good set is lost in vault or replica, and nothing goes or stays without a reason`,
      async () => {
        const lived = await randomDays(seed, days / seeds, { rules });
        expect(lived.broken).toEqual([]);
        expect(lived.removals).toBeGreaterThan(days / seeds);
        // Nothing heaps up: the daily sets alone of a year would be 365.
        expect(lived.most).toBeLessThan(600);
        if (process.env[tableWanted] === "1")
          process.stdout.write(`retention, seed ${seed}: ${JSON.stringify(lived)}\n`);
      },
      24 * hours,
    );
  }
});

describe("such days fail where retention is wrong:", () => {
  for (const [name, code] of Object.entries(brokenCode)) {
    test(name, async () => {
      const lived = await randomDays(1, 12_000, { code, rules: unlocked, mostBroken: 1 });
      expect(lived.broken.length).toBeGreaterThan(0);
    });
  }
});
