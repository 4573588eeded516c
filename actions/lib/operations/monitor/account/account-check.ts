import { optional } from "../../../config/environment.ts";
import { judgeAccount } from "../../../policy/monitor/account.ts";
import type { Check, Look } from "../check.ts";

/** Whether buckets, roles and alarm are as `lifeboat provision aws` makes them. A store that is not AWS's own has none of it. */
export function accountChecks({ context }: Look): readonly Check[] {
  if (!context.has("vault")) return [];
  const foreign = context.config("vault").vault.endpoint !== undefined;
  // Who says where IAM is, has one.
  if (foreign && optional(context.env, "AWS_ENDPOINT_URL_IAM") === undefined) return [];
  return [
    {
      ...{
        id: "aws-account",
        group: "backups",
        title: "AWS account as it was made",
        runbook: "runbooks/aws-account.md",
      },
      async look() {
        const { lookAtCloud } = await import("../../provision/check/look-at-cloud.ts");
        return judgeAccount(await lookAtCloud(context));
      },
    },
  ];
}
