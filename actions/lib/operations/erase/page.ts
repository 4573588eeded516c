import { countOf, few, formatCount } from "../../base/measures.ts";
import type { Told } from "../operation.ts";
import type { Registered } from "./register.ts";
import type { EraseResult } from "./run-erase.ts";

/** What was planned or erased, in counts: nothing in it says who. */
export function reportErase(result: EraseResult): Told {
  const { outcome, plan, erasure, number, live, consent, stale, answer } = result;
  const what = consent === null ? "the erasure" : `the withdrawal of ${consent}`;
  const sentence =
    outcome === "planned"
      ? `Dry run: ${what} comes to ${countOf(plan.rows, "row")}; nothing was changed. Its plan: ${plan.hash.slice(0, 16)}.`
      : `Entry ${number} of the ledger has ${what} (${erasure}): no restore brings it back. ${
          live === null
            ? "The database in use was left as it is."
            : `${countOf(live, "row")} of the database in use are erased.`
        }`;
  const copies = `Materialised views hold copies still, because they could not be computed anew: ${few(stale)}`;
  return {
    result,
    ...(stale.length > 0 && {
      failure: { code: "views-stale", message: `${copies}.`, next: "As their owner: REFRESH MATERIALIZED VIEW." },
    }),
    outputs: {
      ...{ outcome, "plan-hash": plan.hash, erasure: erasure ?? "", rows: String(plan.rows) },
    },
    page: {
      title: "Erasure",
      sentence,
      tables: [
        {
          header: ["table", "what happens", "rows now", "a restore takes at most"],
          rows: plan.tables.map((one) => [one.table, one.action, formatCount(one.rows), formatCount(one.most)]),
        },
        {
          title: "Stays, for a legal reason",
          header: ["table", "rows", "why"],
          rows: plan.kept.map(({ table, rows, because }) => [table, formatCount(rows), because]),
        },
        { title: "For the answer to the person", header: ["text"], rows: answer.map((one) => [one]) },
      ],
    },
  };
}

/** A request that has come, or was answered otherwise. */
export function reportRegistered(result: Registered): Told {
  const { outcome, request, due } = result;
  const sentence =
    outcome === "received"
      ? `Request ${request} is noted, and nothing of whose it is. It has to be answered by ${due}.`
      : `Request ${request} is noted as answered without an erasure.`;
  return { result, outputs: { outcome, request }, page: { title: "Request of an erasure", sentence, tables: [] } };
}
