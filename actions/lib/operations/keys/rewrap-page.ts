import { countOf } from "../../base/measures.ts";
import type { Page } from "../../report/page.ts";
import type { RewrapRow } from "./rewrap.ts";

/** Whom the sets are sealed to now, and what still opens with a key that should not any more. */
export function rewrapPage(rows: readonly RewrapRow[]): Page {
  const count = (outcome: RewrapRow["outcome"]): number => rows.filter((row) => row.outcome === outcome).length;
  const parts = [
    ...(count("rewrapped") > 0 ? [`${count("rewrapped")} rewrapped`] : []),
    ...(count("would-rewrap") > 0 ? [`${count("would-rewrap")} would be rewrapped`] : []),
    ...(count("unchanged") > 0 ? [`${count("unchanged")} unchanged`] : []),
    ...(count("failed") > 0 ? [`${count("failed")} FAILED`] : []),
  ];
  return {
    title: "Rewrap",
    sentence:
      parts.length === 0 ? "There is no set to rewrap." : `${countOf(rows.length, "set")}: ${parts.join(", ")}.`,
    tables: [
      {
        header: ["set", "tier", "outcome", "opened by, before", "opened by, now"],
        rows: rows.map(({ set, tier, outcome, before, after }) => [
          set,
          tier,
          outcome,
          before.join(" "),
          after.join(" "),
        ]),
      },
    ],
    notes: rows.flatMap(({ set, problem, keptVersions }) => [
      ...(problem === null ? [] : [`${set}: ${problem.message} ${problem.next ?? ""}`.trimEnd()]),
      ...(keptVersions.length === 0
        ? []
        : [
            `${set}: ${countOf(keptVersions.length, "older version")} of keys.pgp cannot go yet; former recipients who can read the vault can open the set until then.`,
          ]),
    ]),
  };
}
