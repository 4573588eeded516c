import { describe, expect, test } from "vitest";
import { Secret } from "../../actions/lib/config/problems.ts";
import { failureOf } from "../../actions/lib/operations/restore-files/file-failure.ts";
import type { FilesResult } from "../../actions/lib/operations/restore-files/files-result.ts";
import { fileRestorationPage, filesSentence } from "../../actions/lib/operations/restore-files/page.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { storeError } from "../../actions/lib/s3/store-errors.ts";
import { refusedBy } from "../../actions/lib/storage/project-files.ts";

describe("what a restore of files says", () => {
  const result: FilesResult = {
    ...{ outcome: "equal", snapshot: "20261124T000000Z-00000000", takenAt: "2026-11-24T00:00:00Z", target: "staging" },
    counts: {
      ...{ chosen: 10, bytes: 1000, sent: 4, sentBytes: 400, different: 0, overwritten: 0, present: 6 },
      ...{ rowsRepaired: 4, readBack: 10, findings: 0 },
    },
    ...{ bucketsMade: [], limitsLifted: [], findings: [], notes: [], stages: [] },
  };

  test("says equal only when it is", () => {
    for (const outcome of ["equal", "sampled", "differs", "unverified", "dry-run"] as const) {
      const said = filesSentence({ ...result, outcome });
      expect(said.includes("equal to it"), outcome).toBe(outcome === "equal");
    }
    expect(filesSentence({ ...result, outcome: "sampled" })).toContain("a sample of 10");
  });

  test("tells findings by id, and how many there are beyond those that it lists", () => {
    const finding = { id: "an id", bucket: "exams", aspect: "bytes", verdict: "failed", why: "why" } as const;
    const page = fileRestorationPage({
      ...result,
      outcome: "differs",
      findings: [finding],
      counts: { ...result.counts, findings: 3 },
    });
    const text = renderText(page).join("\n");
    expect(text).toContain("an id");
    expect(text).toContain("2 findings more");
  });
});

describe("failures of the endpoint", () => {
  const path = "students/Noura/answers.pdf";

  const storage = {
    ...{ endpoint: "https://abc.storage.supabase.co/storage/v1/s3", region: "eu-central-1", accessKeyId: "a" },
    ...{ secretAccessKey: new Secret("b"), prefix: "TARGET" },
  };
  const answer = (name: string, httpStatusCode: number) =>
    Object.assign(new Error(`about ${path}`), { name, $metadata: { httpStatusCode } });

  test("are told by its answer, never by the path that was asked for", () => {
    for (const [name, status] of [
      ["SlowDown", 429],
      ["NoSuchKey", 404],
      ["InternalError", 500],
    ] as const) {
      const ofProject = refusedBy(storage, "source", "GetObject", answer(name, status));
      const ofVault = storeError(
        { operation: "GetObject", bucket: "b", key: path, region: "eu-central-1" },
        { error: answer(name, status), attempts: 6, seconds: 3 },
      );
      expect(ofProject.message).not.toContain(path);
      for (const error of [ofProject, ofVault])
        expect(failureOf(error).why).toBe(`the endpoint answers ${name} (${status})`);
    }
    expect(failureOf(new Error(path)).why).not.toContain(path);
  });

  test.each([
    ["SignatureDoesNotMatch", 403],
    ["InvalidAccessKeyId", 403],
    ["AccessDenied", 403],
    ["Unknown", 401],
    ["AuthorizationHeaderMalformed", 400],
  ])("that are the settings' fault name the settings: %s (%i)", (name, status) => {
    for (const [side, code] of [
      ["source", "storage-refused"],
      ["target", "target-storage-refused"],
    ] as const) {
      const told = refusedBy(storage, side, "GetObject", answer(name, status));
      expect(told).toMatchObject({ code, exitCode: 2, next: expect.stringContaining("TARGET_STORAGE_REGION") });
      expect(`${told.message} ${told.next}`).not.toContain(path);
    }
  });

  test("a bucket that is not there is a missing file of a source, and another project's for a target", () => {
    const error = answer("NoSuchBucket", 404);
    expect(refusedBy(storage, "source", "GetObject", error)).toMatchObject({ answer: { status: 404 }, exitCode: 1 });
    expect(refusedBy(storage, "target", "PutObject", error)).toMatchObject({ code: "target-mixed", exitCode: 2 });
  });
});
