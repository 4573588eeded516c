import { countOf } from "../../base/measures.ts";
import type { Page } from "../../report/page.ts";
import type { CheckRow } from "./check-row.ts";

/** The preflight's table, and what to do about what is not ok. */
export function preflightPage(rows: readonly CheckRow[]): Page {
  const fails = rows.filter(({ status }) => status === "fail").length;
  const warnings = rows.filter(({ status }) => status === "warn").length;
  const beside = warnings === 0 ? "" : `, with ${countOf(warnings, "warning")}`;
  return {
    title: "Preflight",
    sentence:
      fails === 0 ? `A backup can run${beside}.` : `A backup cannot run: ${countOf(fails, "check")} failed${beside}.`,
    tables: [
      {
        header: ["status", "check", "found"],
        rows: rows.map(({ check, status, found }) => [status === "ok" ? "ok" : status.toUpperCase(), check, found]),
      },
    ],
    notes: rows.flatMap(({ check, next, status }) =>
      next === undefined || status === "ok" ? [] : [`${check}: ${next}`],
    ),
  };
}
