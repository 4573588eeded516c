import { countOf } from "../../../base/measures.ts";
import type { Told } from "../../operation.ts";
import type { AwsResult } from "./result.ts";

/** What a person is told of the stacks, and of what is left to do. */
export function toldStacks(result: AwsResult): Told {
  const { dryRun, stacks, roles } = result;
  const changes = stacks.reduce((sum, one) => sum + one.changes.length, 0);
  return {
    result,
    page: {
      title: "AWS account",
      sentence: dryRun
        ? `Nothing was changed: ${countOf(changes, "resource")} of ${countOf(stacks.length, "stack")} would be.`
        : `${countOf(stacks.length, "stack is", "stacks are")} as they should be; ${countOf(changes, "resource was", "resources were")} made or changed.`,
      tables: [
        {
          header: ["stack", "region", "outcome"],
          rows: stacks.map(({ name, region, outcome }) => [name, region, outcome]),
        },
        {
          title: "Resources",
          header: ["stack", "what", "resource", "kind"],
          rows: stacks.flatMap(({ stack, changes }) =>
            changes.map(({ action, resource, type }) => [stack, action.toLowerCase(), resource, type]),
          ),
        },
        {
          title: "Parameters",
          header: ["stack", "parameter", "value"],
          rows: stacks.flatMap(({ stack, parameters }) =>
            Object.entries(parameters).map(([name, value]) => [stack, name, value]),
          ),
        },
        {
          title: "AWS_ROLE_ARN of each environment",
          header: ["environment", "role"],
          rows: Object.entries(roles),
        },
      ],
      notes: dryRun
        ? ["The same from the console alone: runbooks/aws-account.md."]
        : [
            "AWS has sent a letter to ALERT_EMAIL_TO, if the stack of the vault is new: the alarm tells nobody before its link is followed.",
            "`lifeboat provision check` compares every property with what is there.",
          ],
    },
  };
}
