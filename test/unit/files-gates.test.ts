import { describe, expect, test } from "vitest";
import { bucketsInTheWay } from "../../actions/lib/restore/files/buckets.ts";
import { refuseWrongTarget, type TargetIdentity } from "../../actions/lib/restore/files/gates.ts";

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

describe("the gates of the target", () => {
  const ref = "abcdefghijklmnopqrst";
  const other = "tsrqponmlkjihgfedcba";
  const database = { host: "aws-0-eu-west-1.pooler.supabase.com", user: `postgres.${ref}` };
  const identity = (change: { projectRef?: string; endpoint?: string; user?: string } = {}): TargetIdentity => ({
    target: {
      name: "staging",
      projectRef: change.projectRef ?? null,
      database: { ...database, user: change.user ?? database.user } as TargetIdentity["target"]["database"],
    },
    storage: { prefix: "STAGING", endpoint: change.endpoint ?? `https://${ref}.storage.supabase.co/storage/v1/s3` },
  });
  const from = (projectRef: string | null, endpoint?: string) => ({ projectRef, endpoint });

  test("let another project through", () => {
    expect(() => refuseWrongTarget(identity(), from(other), undefined)).not.toThrow();
  });

  test("refuse rows of one project and bytes of another", () => {
    const mixed = identity({ endpoint: `https://${other}.storage.supabase.co/storage/v1/s3` });
    expect(() => refuseWrongTarget(mixed, from(null), undefined)).toThrow(/lead to different projects/);
    expect(() => refuseWrongTarget(identity({ projectRef: other }), from(null), undefined)).toThrow(
      /different projects/,
    );
  });

  test("refuse the project that the files come from, unless its ref is typed", () => {
    expect(() => refuseWrongTarget(identity(), from(ref), undefined)).toThrow(
      /is the project that the snapshot comes from/,
    );
    expect(() => refuseWrongTarget(identity(), from(ref), other)).toThrow(/is the project/);
    expect(() => refuseWrongTarget(identity(), from(ref), ref)).not.toThrow();
    expect(() => refuseWrongTarget(identity(), from(other), other)).toThrow(/--production .* was given/);
  });

  test("know the source by its endpoint where refs are not told", () => {
    const endpoint = "http://127.0.0.1:5000/storage/v1/s3";
    const local = identity({ endpoint, user: "postgres" });
    expect(() => refuseWrongTarget(local, from(null, endpoint), undefined)).toThrow(
      expect.objectContaining({ next: expect.stringContaining("STAGING_PROJECT_REF") }),
    );
  });
});
