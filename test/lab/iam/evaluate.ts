import type { Statement } from "../../../actions/lib/policy/cloud/document.ts";
import { type Context, holds, matchesText } from "./conditions.ts";

/** A statement as AWS takes it; what Lifeboat writes is a part of it. */
export interface AnyStatement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly NotResource?: string | readonly string[];
  readonly Principal?: unknown;
  readonly Condition?: Statement["Condition"];
}

/** What one request asks to be allowed. */
export interface IamRequest {
  readonly action: string;
  readonly resource: string;
  /** ARN of the role or user; the root of an account is `arn:aws:iam::<account>:root`. */
  readonly principal: string;
  /** By name, in whatever case; a key that is not there is not there. */
  readonly context: Context;
}

export interface Policies {
  /** All that hang on the principal. */
  readonly identity: readonly AnyStatement[];
  /** The bucket's. */
  readonly resource?: readonly AnyStatement[];
  /** Whether bucket and principal are of one account; default: yes. */
  readonly sameAccount?: boolean;
}

export type Verdict = "allowed" | "denied explicitly" | "denied by default";

/**
 * What IAM says of a request, as the IAM User Guide has it ("Policy evaluation logic"): a denial that matches wins; within one account
 * an allowance on either side is enough, across accounts both have to allow. No permission boundaries, session policies or SCPs.
 */
export function evaluate({ identity, resource = [], sameAccount = true }: Policies, request: IamRequest): Verdict {
  const here = resource.filter((one) => isMeant(one.Principal, request.principal));
  const matching = (all: readonly AnyStatement[]) => all.filter((one) => applies(one, request));
  const [own, buckets] = [matching(identity), matching(here)];
  if ([...own, ...buckets].some(({ Effect }) => Effect === "Deny")) return "denied explicitly";
  const allows = (all: readonly AnyStatement[]) => all.some(({ Effect }) => Effect === "Allow");
  const allowed = sameAccount ? allows(own) || allows(buckets) : allows(own) && allows(buckets);
  return allowed ? "allowed" : "denied by default";
}

function applies(one: AnyStatement, { action, resource, context }: IamRequest): boolean {
  const named = (patterns: string | readonly string[], text: string, lower = false): boolean =>
    [patterns]
      .flat()
      .some((pattern) => matchesText(lower ? pattern.toLowerCase() : pattern, lower ? text.toLowerCase() : text));
  const action_ =
    one.Action !== undefined
      ? named(one.Action, action, true)
      : one.NotAction !== undefined && !named(one.NotAction, action, true);
  const resource_ =
    one.Resource !== undefined
      ? named(one.Resource, resource)
      : one.NotResource === undefined || !named(one.NotResource, resource);
  return action_ && resource_ && holds(one.Condition ?? {}, context);
}

/** Principals take no wildcards but the star alone; an account stands for all of it. */
function isMeant(principal: unknown, who: string): boolean {
  if (principal === "*") return true;
  if (typeof principal !== "object" || principal === null || !("AWS" in principal)) return false;
  const account = who.split(":")[4] ?? "";
  return [principal.AWS]
    .flat()
    .some((one) => one === "*" || one === who || one === account || one === `arn:aws:iam::${account}:root`);
}
