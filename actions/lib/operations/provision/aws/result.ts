import type { PlannedChange } from "../../../aws/stacks.ts";
import type { StackName } from "../../../policy/cloud/stacks.ts";

/** What became, or would become, of one stack. */
export interface StackResult {
  readonly stack: StackName;
  readonly name: string;
  readonly region: string;
  readonly outcome: "made" | "changed" | "as it was" | "would be made" | "would change";
  readonly changes: readonly PlannedChange[];
  /** As they are handed over, but for the address. */
  readonly parameters: Readonly<Record<string, string>>;
}

export interface AwsResult {
  readonly dryRun: boolean;
  readonly stacks: readonly StackResult[];
  /** AWS_ROLE_ARN of each environment of GitHub; empty before the roles are made. */
  readonly roles: Readonly<Record<string, string>>;
}
