import { ConfigurationError, LifeboatError, OperationError } from "../base/errors.ts";
import type { GivenUp } from "../base/flow/retry.ts";

/** What an error of the store means for the one who asked. */
export interface Answer {
  readonly verdict: "again" | "condition" | "missing" | "credentials" | "denied" | "no-bucket" | "region" | "final";
  /** The store's own code, or the network's: `SlowDown`, `ECONNRESET`. Never a message, which may quote a request. */
  readonly code: string;
  readonly status: number | undefined;
  /** The bucket's real region, when the store names it. */
  readonly region: string | undefined;
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
const verdicts: Record<string, Answer["verdict"]> = {
  RequestTimeout: "again",
  SlowDown: "again",
  InternalError: "again",
  ServiceUnavailable: "again",
  OperationAborted: "again",
  RequestTimeTooSkewed: "again", // the SDK takes the server's clock from the answer for the next attempt
  ConditionalRequestConflict: "again", // 409: two conditional writes met; the next attempt learns who won
  TemporaryRedirect: "again", // a bucket so new that its name still spreads
  // The store refused a body that was damaged on its way: sending it again is the cure.
  BadDigest: "again",
  InvalidDigest: "again",
  IncompleteBody: "again",
  XAmzContentSHA256Mismatch: "again",
  XAmzContentChecksumMismatch: "again",
  PreconditionFailed: "condition",
  NoSuchKey: "missing",
  NoSuchVersion: "missing",
  NoSuchBucket: "no-bucket",
  InvalidAccessKeyId: "credentials",
  SignatureDoesNotMatch: "credentials",
  ExpiredToken: "credentials",
  InvalidToken: "credentials",
  TokenRefreshRequired: "credentials",
  CredentialsProviderError: "credentials",
  AccessDenied: "denied",
  AllAccessDisabled: "denied",
  AccountProblem: "denied",
  PermanentRedirect: "region",
  AuthorizationHeaderMalformed: "region",
  IllegalLocationConstraintException: "region",
  NoSuchUpload: "final",
};

const byStatus: Record<number, Answer["verdict"]> = {
  301: "region",
  307: "again",
  403: "denied",
  404: "missing",
  408: "again",
  409: "again",
  412: "condition",
  429: "again",
};

interface StoreError {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly Region?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Record<string, string> };
}

/** Reads an error of the SDK or the network. Never keeps its message. */
export function readAnswer(error: unknown): Answer {
  if (error instanceof LifeboatError)
    return { verdict: "final", code: error.code, status: undefined, region: undefined };
  const from: StoreError = typeof error === "object" && error !== null ? error : {};
  const name = typeof from.name === "string" && /^[A-Za-z]\w*$/.test(from.name) ? from.name : "Error";
  const status = from.$metadata?.httpStatusCode;
  const header = from.$response?.headers?.["x-amz-bucket-region"];
  const region = header ?? (typeof from.Region === "string" ? from.Region : undefined);
  const known = verdicts[name];
  if (known !== undefined) return { verdict: known, code: name, status, region };
  if (status === undefined || status < 300) {
    // No answer, or one that broke off or could not be read: the network's trouble.
    return {
      verdict: "again",
      code: typeof from.code === "string" && /^\w+$/.test(from.code) ? from.code : name,
      status,
      region,
    };
  }
  // A HEAD has no body and so no code: its status must do, and a wrong region answers 400 or 301.
  const verdict = byStatus[status] ?? (status >= 500 ? "again" : region && status === 400 ? "region" : "final");
  return { verdict, code: name === "Unknown" || name === "Error" ? "no reason given" : name, status, region };
}

/** What a store answered at last, or that it did not; what it means is for the caller to say. */
export class StoreFailure extends OperationError {
  readonly answer: Answer;

  constructor(answer: Answer, code: string, message: string, next?: string) {
    super(code, message, next);
    this.answer = answer;
  }
}

/** E.g. `SlowDown (503)`, `ECONNRESET`. */
export function saidIn({ code, status }: Answer): string {
  return status === undefined ? code : `${code} (${status})`;
}

/** What was asked of the store, in words that may stand in a log. */
interface Question {
  /** The API operation, e.g. `UploadPart 3`. */
  readonly operation: string;
  readonly bucket: string;
  readonly key?: string | undefined;
  readonly region: string;
}

/** True for the error that a conditional write throws when somebody else's object is in the way. */
export function isConditionFailed(error: unknown): boolean {
  return error instanceof LifeboatError && error.code === "s3-condition";
}

/** True when the object that was asked for is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof LifeboatError && error.code === "s3-missing";
}

/**
 * The last answer of the store, as the error that ends the operation. Settings that can't work become a
 * ConfigurationError; a store that stays out of reach becomes OperationError `s3-unavailable`. The SDK's own error is not
 * kept as the cause: for a refused signature it carries the access key and the request that was signed.
 */
export function storeError(question: Question, end: GivenUp): unknown {
  if (end.error instanceof LifeboatError) return end.error;
  const { operation, bucket, key, region } = question;
  const answer = readAnswer(end.error);
  const what = `${operation} of ${key === undefined ? `bucket ${bucket}` : `${key} in bucket ${bucket}`}`;
  const said = saidIn(answer);
  if (answer.code === "InvalidObjectState") {
    return new StoreFailure(
      answer,
      "s3-frozen",
      `${what}: it is archived and cannot be read`,
      "Bring the set back with `lifeboat thaw <set> --wait`.",
    );
  }
  switch (answer.verdict) {
    case "credentials":
      return new ConfigurationError(
        "s3-credentials",
        `${what}: the store does not accept the credentials: ${said}`,
        answer.code === "ExpiredToken"
          ? "The session ran out. Allow the role a longer session than the longest run takes."
          : "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN or the role of the job.",
      );
    case "denied":
      return new ConfigurationError(
        "s3-denied",
        `${what}: the store refuses: ${said}`,
        `Grant the role the permission for ${operation.split(" ")[0]} on this bucket, and check that the keys are right.`,
      );
    case "no-bucket":
      return new ConfigurationError(
        "s3-bucket-missing",
        `${what}: there is no such bucket`,
        "Create it, or correct its name.",
      );
    case "region":
      return new ConfigurationError(
        "s3-region",
        `${what}: the bucket is not in ${region}${answer.region && answer.region !== region ? ` but in ${answer.region}` : ""}: ${said}`,
        answer.region && answer.region !== region
          ? `Set AWS_REGION=${answer.region}.`
          : "Set AWS_REGION to its region.",
      );
    case "condition":
      return new StoreFailure(answer, "s3-condition", `${what}: something else is already there: ${said}`);
    case "missing":
      return new StoreFailure(answer, "s3-missing", `${what}: it is not there`);
    case "again":
      return new StoreFailure(
        answer,
        "s3-unavailable",
        `${what} failed ${end.attempts} times in ${end.seconds.toFixed(0)} s, the last time with ${said}`,
        "Look at the store's health and at the network between; then run again.",
      );
    default:
      return new StoreFailure(answer, "s3-refused", `${what}: the store refuses: ${said}`);
  }
}
