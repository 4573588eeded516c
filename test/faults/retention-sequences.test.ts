import { describe, expect, test } from "vitest";
import { realCode } from "../lab/retention/retention-run.ts";
import { brokenCode } from "./retention/broken-code.ts";
import { everySequence, starts } from "./retention/every-sequence.ts";
import { tableWanted } from "./table/reporter.ts";

/** Events in a row. Each one more takes ten times as long: 8 take hours, 6 some minutes. */
const events = Number(process.env["LIFEBOAT_RETENTION_EVENTS"] ?? (process.env[tableWanted] === "1" ? 6 : 4));
const hours = 3_600_000;

describe("whatever happens to a vault, in every order", () => {
  for (const [name, start] of Object.entries(starts)) {
    test(
      `${events} events, beginning with ${name}: no newest good set is lost, nothing goes under a hold or an incident, and what stays has a true reason`,
      async () => {
        const tell = (line: string): void => {
          if (events > 6) process.stdout.write(`${name}: ${line}\n`);
        };
        const { broken, states, steps, removals } = await everySequence(start(), events, realCode, { tell });
        expect(broken).toEqual([]);
        // Enough of it was there to be lost.
        expect(removals).toBeGreaterThan(100);
        expect(steps).toBeGreaterThan(states);
        if (process.env[tableWanted] === "1")
          process.stdout.write(
            `retention, ${events} events, ${name}: ${states} states, ${steps} steps, ${removals} removals, 0 broken promises\n`,
          );
      },
      24 * hours,
    );
  }
});

describe("such a test fails where retention is wrong:", () => {
  for (const [name, code] of Object.entries(brokenCode)) {
    test(name, async () => {
      const found = [];
      for (let length = 1; length <= 4 && found.length === 0; length++)
        for (const start of Object.values(starts))
          found.push(...(await everySequence(start(), length, code, { most: 1 })).broken);
      expect(found.length).toBeGreaterThan(0);
    });
  }
});
