import type { AnyStatement, Policies, Verdict } from "./evaluate.ts";
import { account, s3Request } from "./s3-request.ts";

/** The short words in which the golden cases of the simulator are written. */

export const bucket = "arn:aws:s3:::b";
export const object = "arn:aws:s3:::b/database/x";
export const role = `arn:aws:iam::${account}:role/lifeboat/qimma/backup/one`;
export const allow = (
  Action: string | string[],
  Resource: string | string[] = "*",
  more: object = {},
): AnyStatement => ({
  ...{ Effect: "Allow", Action, Resource },
  ...more,
});
export const deny = (
  Action: string | string[],
  Resource: string | string[] = "*",
  more: object = {},
): AnyStatement => ({
  ...allow(Action, Resource, more),
  Effect: "Deny",
});
export const when = (Condition: AnyStatement["Condition"]) => ({ Condition });
export const anybody = { Principal: "*" };
export const yes: Verdict = "allowed";
export const no: Verdict = "denied explicitly";
export const silent: Verdict = "denied by default";
export const put = s3Request("s3:PutObject", object);
export const days = "s3:object-lock-remaining-retention-days";

export type Case = readonly [name: string, policies: Policies, request: ReturnType<typeof s3Request>, verdict: Verdict];
export const own = (...identity: AnyStatement[]): Policies => ({ identity });
export const request = (context: Record<string, string | string[]>) => ({ ...put, context });
