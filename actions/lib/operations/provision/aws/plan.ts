import type { PlannedChange, StackFacts } from "../../../aws/stacks.ts";
import { ConfigurationError } from "../../../base/errors.ts";
import type { StackName } from "../../../policy/cloud/stacks.ts";

/** What can be done with a stack as it is. @throws ConfigurationError `stack-half-made`, `stack-busy` */
export function kindOf(name: string, found: StackFacts | undefined): "CREATE" | "UPDATE" {
  if (found === undefined || found.status === "REVIEW_IN_PROGRESS") return "CREATE";
  const { status } = found;
  if (/^(?:CREATE|UPDATE|IMPORT|UPDATE_ROLLBACK|IMPORT_ROLLBACK)_COMPLETE$/.test(status)) return "UPDATE";
  const half = (next: string) =>
    new ConfigurationError("stack-half-made", `The stack ${name} is half made: ${status}. Nothing was changed`, next);
  if (status.endsWith("_IN_PROGRESS"))
    throw new ConfigurationError(
      "stack-busy",
      `Somebody is changing the stack ${name}: ${status}`,
      "Wait for its end, and run it again.",
    );
  if (status === "UPDATE_ROLLBACK_FAILED")
    throw half(
      `\`aws cloudformation continue-update-rollback --stack-name ${name}\`, or in the console Stack actions, Continue update rollback. Then run it again.`,
    );
  throw half(
    `\`aws cloudformation delete-stack --stack-name ${name}\`, or delete it in the console: a bucket that was there before stays. Then run it again.`,
  );
}

/** Made anew they would be empty, and what they protect open meanwhile. */
const kept = /^AWS::(?:S3::|IAM::OIDCProvider$)/;

/** What of the changes must not be made: a sentence each, without its full stop. */
export function refusedChanges(changes: readonly PlannedChange[]): string[] {
  return changes.flatMap(({ action, resource, type, replacement }) => {
    if (!kept.test(type)) return [];
    if (action === "Remove") return [`${resource} (${type}) would be removed`];
    return replacement === "True" || replacement === "Conditional" ? [`${resource} (${type}) would be made anew`] : [];
  });
}

/** How a project's stack is called. */
export function stackName(project: string, stack: StackName): string {
  return `lifeboat-${project}-${stack}`;
}
