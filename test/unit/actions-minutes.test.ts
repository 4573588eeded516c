import { expect, test } from "vitest";
import { minutesOf, minutesProblems } from "../../scripts/check/actions-minutes.ts";

const root = new URL("../..", import.meta.url).pathname;

const workflow = (crons: readonly string[], report: string): string => `
on: { schedule: [${crons.map((cron) => `{ cron: "${cron}" }`).join(", ")}] }
jobs:
  backup: { steps: [{ uses: ./actions/backup-database, with: { tier: daily, once-per: day } }] }
  report: { needs: backup, steps: [{ uses: ${report} }] }
`;

test("the default schedules stay within their minutes", () => expect(minutesProblems(root)).toEqual([]));

test("each attempt costs a minute; what is made costs its own and a report", () => {
  const days = 365.25 / 12;
  const once = minutesOf("x.yml", workflow(["41 4 * * *"], "./actions/publish-report"));
  expect(once?.minutes).toBeCloseTo(3 * days, 0);
  const thrice = minutesOf("x.yml", workflow(["41 4 * * *", "7 8 * * *", "32 11 * * *"], "./actions/publish-report"));
  expect(thrice?.minutes).toBeCloseTo(5 * days, 0);
  expect(thrice).toMatchObject({ attempts: expect.closeTo(3 * days, 0), done: expect.closeTo(days, 0) });
});

test("what has no schedule costs nothing", () => {
  expect(minutesOf("x.yml", "on: { workflow_dispatch: {} }\njobs: {}\n")).toBeUndefined();
});
