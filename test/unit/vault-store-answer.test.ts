import { expect, test } from "vitest";
import { readAnswer, storeError } from "../../actions/lib/s3/store-errors.ts";

const sdkError = (name: string, status?: number, headers: Record<string, string> = {}) =>
  Object.assign(new Error("AKIAPLANTED signed planted-secret"), {
    name,
    $metadata: { httpStatusCode: status },
    $response: { headers },
  });

test.each([
  ["SlowDown", 503, "again"],
  ["InternalError", 500, "again"],
  ["Unknown", 502, "again"],
  ["RequestTimeout", 400, "again"],
  ["BadDigest", 400, "again"],
  ["ConditionalRequestConflict", 409, "again"],
  ["PreconditionFailed", 412, "condition"],
  ["NotFound", 404, "missing"],
  ["NoSuchBucket", 404, "no-bucket"],
  ["Unknown", 403, "denied"],
  ["ExpiredToken", 400, "credentials"],
  ["PermanentRedirect", 301, "region"],
  ["InvalidRequest", 400, "final"],
] as const)("%s %i means: %s", (name, status, verdict) => {
  expect(readAnswer(sdkError(name, status)).verdict).toBe(verdict);
});

test("no answer at all is the network's trouble and worth another try", () => {
  const reset = Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
  expect(readAnswer(reset)).toMatchObject({ verdict: "again", code: "ECONNRESET" });
});

test("a refused HEAD still tells the bucket's region", () => {
  const error = sdkError("Unknown", 400, { "x-amz-bucket-region": "eu-central-1" });
  expect(readAnswer(error)).toMatchObject({ verdict: "region", region: "eu-central-1" });
});

test.each(["SignatureDoesNotMatch", "SlowDown", "AccessDenied", "InvalidRequest"])(
  "the error made of %s carries nothing of the store's own words",
  (name) => {
    const question = { operation: "PutObject", bucket: "b", key: "k", region: "us-east-1" };
    const made = storeError(question, { error: sdkError(name, 403), attempts: 1, seconds: 0 });
    expect(made).toBeInstanceOf(Error);
    expect(`${JSON.stringify(made)}${made instanceof Error ? `${made.stack}${String(made.cause)}` : ""}`).not.toMatch(
      /planted/i,
    );
    expect(String(made)).toContain("k in bucket b");
  },
);
