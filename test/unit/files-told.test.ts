import { describe, expect, test } from "vitest";
import { ConfigurationError, OperationError } from "../../actions/lib/base/errors.ts";
import { failureOf, settingsFailure } from "../../actions/lib/operations/restore-files/file-failure.ts";
import type { FilesResult } from "../../actions/lib/operations/restore-files/files-result.ts";
import { fileRestorationPage, filesSentence } from "../../actions/lib/operations/restore-files/page.ts";
import { renderText } from "../../actions/lib/report/page.ts";

describe("what a restore of files says", () => {
  const result: FilesResult = {
    ...{ outcome: "equal", snapshot: "20261124T000000Z-00000000", takenAt: "2026-11-24T00:00:00Z", target: "staging" },
    counts: {
      ...{ chosen: 10, bytes: 1000, sent: 4, sentBytes: 400, different: 0, overwritten: 0, present: 6 },
      ...{ rowsMended: 4, readBack: 10, findings: 0 },
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

  test("are told by its answer, never by the path that was asked for", () => {
    const error = new OperationError(
      "s3-unavailable",
      `PutObject of ${path} in bucket b failed 6 times in 3 s, the last time with SlowDown (429)`,
    );
    expect(failureOf(error).why).toBe("the endpoint answers SlowDown (429)");
    const missing = new OperationError("s3-missing", `GetObject of ${path} in bucket b: it is not there`);
    expect(failureOf(missing).why).toBe("the endpoint answers NoSuchKey (404)");
    expect(failureOf(new Error(path)).why).not.toContain(path);
  });

  test("that are the settings' fault name the settings", () => {
    const refused = new ConfigurationError(
      "s3-credentials",
      `GetObject of ${path} in bucket b: the store does not accept the credentials: SignatureDoesNotMatch (403)`,
    );
    const told = settingsFailure(refused, "TARGET");
    expect(told?.message).toContain("SignatureDoesNotMatch (403)");
    expect(`${told?.message} ${told?.next}`).not.toContain(path);
    expect(told?.next).toContain("TARGET_STORAGE_REGION");
  });
});
