import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { loadOperations, namesOf } from "../../actions/lib/operations/catalogue.ts";
import { fieldsOf } from "../../actions/lib/operations/field.ts";
import { reportName } from "../../actions/lib/operations/operation.ts";
import { operationSchema } from "../../actions/lib/report/run/run-report.ts";

const root = new URL("../..", import.meta.url).pathname;
const verbs = await loadOperations();
const names = namesOf(verbs);
const reported = verbs.filter((verb) => verb.reported !== undefined);

describe("declarations", () => {
  test("have names of their own, and each that is reported a name that reports take and a label", () => {
    expect(new Set(verbs.map(({ name }) => name)).size).toBe(verbs.length);
    const labels = new Map(verbs.flatMap((verb) => (verb.reported?.label ? [[reportName(verb), verb]] : [])));
    for (const verb of reported) {
      expect(operationSchema.safeParse(reportName(verb)).success, verb.name).toBe(true);
      expect(labels.has(reportName(verb)), `${verb.name} has a label`).toBe(true);
    }
  });

  test("of what writes can be rehearsed, or say why not, and say what an interruption leaves", () => {
    for (const { name, inputs, writes, unrehearsed } of verbs.filter((verb) => verb.writes.length > 0)) {
      const rehearses = fieldsOf(inputs).some(({ key }) => key === "dryRun");
      expect(rehearses || unrehearsed !== undefined, `${name} writes ${writes.join(", ")}`).toBe(true);
    }
    for (const { name, inputs } of verbs.filter((verb) => verb.writes.length === 0))
      expect(
        fieldsOf(inputs).map(({ key }) => key),
        name,
      ).not.toContain("dryRun");
    for (const { name, interrupted } of verbs.filter(({ writes }) => writes.includes("target")))
      expect(interrupted, name).toBeDefined();
  });

  test("name workflows that are there, one verb each, and pages that are there", () => {
    const workflows = verbs.flatMap((verb) => verb.reported?.workflows ?? []);
    expect(new Set(workflows).size).toBe(workflows.length);
    for (const workflow of workflows)
      expect(existsSync(join(root, `.github/workflows/${workflow}.yml`)), workflow).toBe(true);
    for (const { name, runbook = "" } of reported)
      expect(existsSync(join(root, runbook)) && runbook, name).toMatch(/\.md$/);
  });

  test("of a recovery have a page for each scenario", () => {
    const recover = verbs.find(({ name }) => name === "recover");
    const { choices = [] } = fieldsOf(recover?.inputs ?? z.object({})).find(({ key }) => key === "scenario") ?? {};
    expect(choices.length).toBeGreaterThanOrEqual(2);
    for (const scenario of choices)
      expect(existsSync(join(root, recover?.runbookFor?.({ scenario }) ?? "")), scenario).toBe(true);
  });

  test("of inputs that one edge takes alone give the reason", () => {
    const alone = verbs.flatMap(({ inputs }) => fieldsOf(inputs).filter(({ only }) => only !== undefined));
    expect(alone.length).toBeGreaterThan(0);
    for (const { name, only } of alone) expect(only?.why, name).toMatch(/^\w.{15,}/);
  });
});

test("what ran is called by the declarations, and what no verb declares is called all the same", () => {
  expect(names.label("test")).toBe("Restore test");
  expect(names.label("cost-of-things")).toBe("Cost of things");
  expect(names.ofWorkflow("backup")).toEqual({ operation: "backup", runbook: "runbooks/backup-failed.md" });
  expect(names.ofWorkflow("ci")).toBeUndefined();
  expect(names.watched).toEqual(["backup", "drill", "monitor", "restore", "sync", "test"]);
  const settings = readFileSync(join(root, ".env.example"), "utf8");
  for (const name of names.watched) expect(settings).toContain(`HEARTBEAT_URL_${name.toUpperCase()}=`);
});
