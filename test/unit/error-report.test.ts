import { describe, expect, test } from "vitest";
import { ConfigurationError, OperationError } from "../../actions/lib/base/errors.ts";
import { reportError } from "../../actions/lib/edge/error-report.ts";

describe("the report of an error", () => {
  test("quotes our own errors with what to do next", () => {
    const wrongUse = reportError(new ConfigurationError("recipient-unpinned", "A recipient is not pinned.", "Pin it."));
    expect(wrongUse).toEqual({
      exitCode: 2,
      code: "recipient-unpinned",
      message: "A recipient is not pinned.",
      next: "Pin it.",
    });
    expect(reportError(new OperationError("dump-failed", "The dump failed.")).next).not.toBe("");
  });

  test("says of a full disk that it is full", () => {
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    expect(reportError(full)).toMatchObject({ code: "disk-full", message: expect.stringMatching(/disk is full/) });
  });

  test("never repeats the words of a foreign error, which may carry a row or a connection string", () => {
    const foreign = Object.assign(new Error("Key (email)=(noura@personal.example) already exists"), { code: "23505" });
    expect(JSON.stringify(reportError(foreign))).not.toContain("noura");
    expect(reportError(Object.assign(new Error("x"), { code: "ECONNRESET" })).message).toContain("ECONNRESET");
    expect(JSON.stringify(reportError("postgresql://user:secret@host/db"))).not.toContain("secret");
  });
});
