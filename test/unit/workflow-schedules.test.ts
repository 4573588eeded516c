import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readSchedules, workflowSchedules } from "../../actions/lib/policy/read-schedules.ts";

describe("the schedules of the workflows", () => {
  test("are known by the actions that they use", () => {
    const folder = ".github/workflows";
    const read = readdirSync(folder)
      .filter((name) => name.endsWith(".yml"))
      .flatMap((name) => workflowSchedules(`${folder}/${name}`, readFileSync(`${folder}/${name}`, "utf8")));
    const found = new Map(read.map(({ purpose, oncePer, crons }) => [purpose, { oncePer, crons: crons.length }]));
    expect(found.get("daily")).toEqual({ oncePer: "10h", crons: 7 });
    expect(found.get("files")).toEqual({ oncePer: "10h", crons: 7 });
    expect(found.get("weekly")).toEqual({ oncePer: "week", crons: 7 });
    expect(found.get("monthly")).toEqual({ oncePer: "month-from-sunday", crons: 7 });
    expect(found.get("restoreTest")).toMatchObject({ oncePer: "month" });
  });

  test("a step that only empties staging is no restore test", () => {
    const text = `
on: { schedule: [{ cron: "37 5 12 1 *" }] }
jobs: { drill: { steps: [{ uses: ./actions/run-drill }, { uses: ./actions/test-restore, with: { wipe: "true" } }] } }`;
    expect(workflowSchedules("drill.yml", text)).toEqual([]);
  });

  test("are read with their time zone, and files copied beside a set count as copied", () => {
    const text = `
on: { schedule: [{ cron: "5 3 * * *", timezone: Europe/Berlin }] }
jobs:
  a: { steps: [{ uses: ./actions/backup-database, with: { tier: daily, with-files: true } }] }
  b: { uses: ./.github/workflows/other.yml }`;
    const [daily, files] = workflowSchedules("x.yml", text);
    expect(daily).toMatchObject({ purpose: "daily", crons: [{ text: "5 3 * * *", timezone: "Europe/Berlin" }] });
    expect(files?.purpose).toBe("files");
    expect(readSchedules(daily ? [daily] : []).schedules[0]?.zoned).toBe(true);
    expect(workflowSchedules("y.yml", "on: push\njobs: {}")).toEqual([]);
    expect(() => workflowSchedules("z.yml", "on: [\n")).toThrow(/z\.yml is not a workflow/);
  });
});
