import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { policySchema } from "../../actions/lib/config/policy/policy.ts";
import type { LossPlan } from "../../actions/lib/operations/recover/complete-loss/facts.ts";
import { lossPhases } from "../../actions/lib/operations/recover/complete-loss/phases.ts";
import { inPlacePhases } from "../../actions/lib/operations/recover/database-failure/in-place.ts";
import qimma from "../../lifeboat.config.ts";

/** The time lines of the scenarios' pages: what somebody reads at night is what the code does. */

const policy = policySchema.parse(qimma);
const plan = (archived: boolean): LossPlan => ({
  candidates: [{ tier: "daily", set: "20261129T021400Z-1a2b3c4d", why: "it is the newest", archived }],
  ...{ snapshotAt: "2026-11-29T02:14:00.000Z", databaseBytes: "1000000000", withFiles: true, migrations: null },
  project: { name: "x", organization: "x", region: "us-east-1", size: null, diskGigabytes: 8, dollars: null },
});

interface Line {
  readonly from: number;
  readonly to: number;
  /** Undefined for what people do. */
  readonly phase: string | undefined;
}

/** Rows `| 10–13 | … | \`phase\` | …`. */
function timeLine(scenario: string): Line[] {
  const page = readFileSync(new URL(`../../runbooks/recover-${scenario}.md`, import.meta.url), "utf8");
  return [...page.matchAll(/^\| (\d+)–(\d+) \|[^|]*\|([^|]*)\|/gm)].map(([, from, to, cell = ""]) => ({
    ...{ from: Number(from), to: Number(to) },
    phase: /`([^`]+)`/.exec(cell)?.[1],
  }));
}

test.each([
  ["complete-loss", "completeLoss", lossPhases(plan(false), policy, "complete-loss")],
  ["regional-disaster", "regionalDisaster", lossPhases(plan(true), policy, "regional-disaster")],
  [
    "database-failure",
    "databaseFailure",
    inPlacePhases({ rtoMinutes: 30, planBAfterMinutes: policy.recovery.planBAfterMinutes }),
  ],
] as const)(
  "%s: each phase stands on its page, in its order, with the minutes that it has",
  (scenario, promised, phases) => {
    const lines = timeLine(scenario);
    expect(lines.flatMap(({ phase }) => phase ?? [])).toEqual(phases.map(({ name }) => name));
    for (const { phase, from, to } of lines) {
      const seconds = phases.find(({ name }) => name === phase)?.deadlineSeconds;
      if (seconds !== undefined) expect(Math.abs(to - from - seconds / 60), phase).toBeLessThan(1.5);
    }
    expect(lines[0]?.from).toBe(0);
    for (const [index, { to }] of lines.slice(0, -1).entries()) expect(lines[index + 1]?.from).toBe(to);
    expect(lines.at(-1)?.to).toBe(policy.promises.scenarios[promised].rtoMinutes);
  },
);
