import { expect, test } from "vitest";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import type { Target } from "../../actions/lib/config/targets.ts";
import { refuseProduction } from "../../actions/lib/restore/production-gate.ts";

const live = "abcdefghijklmnopqrst";
const other = "tsrqponmlkjihgfedcba";
const pooler = "aws-0-us-east-1.pooler.supabase.com:5432/postgres";
const target = (url: string, projectRef: string | null = null): Target => ({
  name: "default",
  database: parseConnectionUrl(url),
  projectRef,
});

test.each([
  ["told in the settings", target("postgres://postgres:x@127.0.0.1/postgres", live)],
  ["by the role at the pooler", target(`postgres://postgres.${live}:x@${pooler}`)],
  ["by its direct host", target(`postgres://postgres:x@db.${live}.supabase.co:5432/postgres`)],
])("production, known %s, is written only when its ref was typed", (_how, production) => {
  const attempt = (typed: string | undefined) => () => refuseProduction(production, [null, live], typed);
  expect(attempt(undefined)).toThrow(expect.objectContaining({ code: "target-is-production", exitCode: 2 }));
  expect(attempt(other)).toThrow(expect.objectContaining({ code: "target-is-production" }));
  expect(attempt(live)).not.toThrow();
});

test("another project needs no ref, and a typed one is a mistake", () => {
  const elsewhere = target(`postgres://postgres.${other}:x@${pooler}`);
  expect(() => refuseProduction(elsewhere, [live], undefined)).not.toThrow();
  const mistaken = () => refuseProduction(elsewhere, [live], live);
  expect(mistaken).toThrow(expect.objectContaining({ code: "production-not-meant", exitCode: 2 }));
});
