import { expect, test } from "vitest";
import { minutesOf } from "../../actions/lib/policy/cost/actions-minutes.ts";
import { minutesProblems } from "../../scripts/check/actions-minutes.ts";

const root = new URL("../..", import.meta.url).pathname;

const workflow = (crons: readonly string[]): string => `
on: { schedule: [${crons.map((cron) => `{ cron: "${cron}" }`).join(", ")}] }
jobs:
  backup: { steps: [{ uses: ./actions/backup-database, with: { tier: daily, once-per: day } }] }
  copy: { needs: backup, steps: [] }
`;

test("the default schedules stay within their minutes", () => expect(minutesProblems(root)).toEqual([]));

test("each attempt costs a minute, and what is made its own", () => {
  const days = 365.25 / 12;
  const once = minutesOf("x.yml", workflow(["41 4 * * *"]));
  expect(once?.minutes).toBeCloseTo(2 * days, 0);
  const thrice = minutesOf("x.yml", workflow(["41 4 * * *", "7 8 * * *", "32 11 * * *"]));
  expect(thrice?.minutes).toBeCloseTo(4 * days, 0);
  expect(thrice).toMatchObject({ attempts: expect.closeTo(3 * days, 0), done: expect.closeTo(days, 0) });
});

test("an attempt that opens a share of the files takes a minute more", () => {
  const opening = (step: string): string =>
    `on: { schedule: [{ cron: "23 7 2 * *" }] }\njobs: { test: { steps: [${step}] } }\n`;
  expect(minutesOf("x.yml", opening("{ uses: ./actions/verify-backup }"))?.minutes).toBeCloseTo(2, 5);
  expect(minutesOf("x.yml", opening("{ uses: ./actions/prepare }"))?.minutes).toBeCloseTo(1, 5);
});

test("what has no schedule costs nothing", () => {
  expect(minutesOf("x.yml", "on: { workflow_dispatch: {} }\njobs: {}\n")).toBeUndefined();
});
