import { LifeboatError } from "../../base/errors.ts";

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
