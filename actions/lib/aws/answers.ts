import { ConfigurationError, OperationError } from "../base/errors.ts";
import { readAnswer, saidIn } from "../s3/store-errors.ts";

/** Where the account is asked. Credentials are found by the AWS SDK itself, as for the vault. */
export interface AwsPlace {
  readonly region: string;
  /** Set for tests and stores that play AWS; AWS itself needs none. */
  readonly endpoint: string | undefined;
}

/** Settings of every client: somebody waits, and the SDK itself tries again what may pass. */
export function clientSettings({ region, endpoint }: AwsPlace) {
  return { region, maxAttempts: 4, ...(endpoint !== undefined && { endpoint }) };
}

const denied = new Set(["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"]);
const missing = new Set(["NoSuchEntity", "NoSuchEntityException", "ResourceNotFoundException"]);

/** Whether AWS said that there is no such thing. */
export function isNoSuchThing(error: unknown): boolean {
  return error instanceof Error && missing.has(error.name);
}

/**
 * Asks, and turns a refusal into words that may be printed: the SDK's own errors can quote a request and its credentials.
 * @param what for the message, e.g. `DescribeStacks`
 * @throws ConfigurationError `aws-credentials`, `aws-denied`; OperationError `aws-unavailable`; whatever `other` says of the rest
 */
export async function askAws<Value>(
  what: string,
  ask: () => Promise<Value>,
  other: (error: unknown) => Value | undefined = () => undefined,
): Promise<Value> {
  try {
    return await ask();
  } catch (error) {
    const said = other(error);
    if (said !== undefined) return said;
    const answer = readAnswer(error);
    if (denied.has(answer.code) || answer.verdict === "denied")
      throw new ConfigurationError(
        "aws-denied",
        `AWS refuses ${what}: ${saidIn(answer)}.`,
        "Use credentials that may do it: an administrator's for `lifeboat provision aws`, the role of the environment `monitor` for a check.",
      );
    if (answer.verdict === "credentials" || answer.code === "CredentialsProviderError")
      throw new ConfigurationError(
        "aws-credentials",
        `AWS does not accept the credentials for ${what}: ${saidIn(answer)}.`,
        "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; a session may have ended.",
      );
    throw new OperationError(
      "aws-unavailable",
      `AWS did not do ${what}: ${saidIn(answer)}.`,
      "Run it again: what is done already is left as it is.",
    );
  }
}
