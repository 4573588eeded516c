import { afterAll, beforeAll, expect, test } from "vitest";
import { sharedPostgres } from "../lab/servers/started.ts";
import type { Checkout } from "./checkout.ts";
import { openWorkflowLab, type WorkflowLab } from "./workflow-lab.ts";

/** The check of a pull request as act runs it, without any secret, on a server of the lab in the place of the runner's own. */

let workflows: WorkflowLab;
let checkout: Checkout;
const file = (name: string): string => `supabase/migrations/${name}.sql`;

beforeAll(async () => {
  workflows = await openWorkflowLab("act_migrations");
  checkout = workflows.repository();
  checkout.commit({ [file("20260101000000_base")]: "create table public.exams (id int primary key, score text);" });
});
afterAll(async () => {
  await workflows?.[Symbol.asyncDispose]();
});

const open = () =>
  checkout.run("migrations", {
    ...{ name: "pull_request", secrets: {} },
    env: { ...workflows.runner, CHECK_DATABASE_URL: sharedPostgres(17).superuserUrl() },
  });

test("a change that drops a column passes, and what it says is handed to the comment", async () => {
  checkout.commit({ [file("20260201000000_drop")]: "alter table public.exams drop column score;" });
  const ended = await open();
  expect(ended.code, ended.output).toBe(0);
  expect(ended.output).toContain("Migrations of this change");
  expect(ended.output).toMatch(/the column public\.exams\.score/);
  // Nobody's pull request: the job that may write does not begin.
  expect(ended.output).not.toContain("Run Main Write it");
});

test("a change that cannot be applied fails, with the file and what to do", async () => {
  checkout.commit({ [file("20260301000000_nowhere")]: "alter table public.nowhere add column a int;" });
  const ended = await open();
  expect(ended.code).toBe(1);
  expect(ended.output).toMatch(/::error[^\n]*20260301000000_nowhere\.sql refuses at statement 1[^\n]*42P01/);
});
