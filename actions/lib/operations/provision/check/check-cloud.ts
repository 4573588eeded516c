import { countOf } from "../../../base/measures.ts";
import type { Context } from "../../context.ts";
import type { Told } from "../../operation.ts";
import { lookAtCloud } from "./look-at-cloud.ts";

/** Names every property that is not as it should be. Exit code 1: there is one, or something could not be looked at. */
export async function checkCloud(context: Context, repository: string | undefined): Promise<Told> {
  const { drifts, unknown, looked, provisioned } = await lookAtCloud(context, repository);
  const differ = countOf(drifts.length, "property differs", "properties differ");
  return {
    result: { looked, provisioned, drifts, unknown },
    exitCode: drifts.length + unknown.length === 0 ? 0 : 1,
    page: {
      title: "AWS account",
      sentence:
        drifts.length === 0
          ? `All ${looked} properties are as they should be.`
          : `${differ} of ${looked} that were looked at.`,
      tables: [
        {
          title: "What differs",
          header: ["", "property", "should be", "is", "what to do"],
          rows: drifts.map(({ level, name, wanted, found, next }) => [level, name, wanted, found, next]),
        },
        {
          title: "What could not be looked at",
          header: ["property", "why"],
          rows: unknown.map(({ name, why }) => [name, why]),
        },
      ],
      notes: provisioned ? [] : ["No role of this project is in the account: `lifeboat provision aws` makes them."],
    },
  };
}
