import { describe, expect, test } from "vitest";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { bucketsInTheWay } from "../../actions/lib/operations/restore-files/buckets.ts";
import { refuseMixed } from "../../actions/lib/operations/restore-files/one-project.ts";

describe("buckets whose limits are in the way", () => {
  const limits = (fileSizeLimit: string | null, allowedMimeTypes: string[] | null) =>
    new Map([["b", { id: "b", public: false, fileSizeLimit, allowedMimeTypes }]]);
  const file = { bucket: "b", bytes: 100, contentType: "image/png" };

  test.each([
    [[], limits(null, null)],
    [[], limits("100", ["image/*"])],
    [[], limits(null, [])],
    [["b"], limits("99", null)],
    [["b"], limits(null, ["application/pdf"])],
  ] as const)("are %j", (expected, present) => {
    expect(bucketsInTheWay([file], present)).toEqual(expected);
  });

  test("compare types literally, as the storage server does", () => {
    const text = { ...file, contentType: "text/plain; charset=utf-8" };
    expect(bucketsInTheWay([text], limits(null, ["text/plain"]))).toEqual(["b"]);
  });
});

describe("the settings of a target", () => {
  const ref = "abcdefghijklmnopqrst";
  const other = "tsrqponmlkjihgfedcba";
  const database = parseConnectionUrl(`postgres://postgres.${ref}:x@aws-0-eu-west-1.pooler.supabase.com:5432/postgres`);
  const attempt = (projectRef: string | null, endpoint: string) => () =>
    refuseMixed({ name: "staging", projectRef, database }, { prefix: "STAGING", endpoint });

  test("may not lead to rows of one project and bytes of another", () => {
    expect(attempt(null, `https://${other}.storage.supabase.co/storage/v1/s3`)).toThrow(/lead to different projects/);
    expect(attempt(other, `https://${ref}.storage.supabase.co/storage/v1/s3`)).toThrow(/different projects/);
    expect(attempt(ref, `https://${ref.toUpperCase()}.storage.supabase.co./storage/v1/s3`)).not.toThrow();
  });
});
