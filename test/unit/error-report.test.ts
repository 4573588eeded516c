import { describe, expect, test } from "vitest";
import { reportError } from "../../actions/lib/runtime/error-report.ts";
import { ConfigurationError, OperationError } from "../../actions/lib/runtime/errors.ts";
import { renderSummary } from "../../actions/lib/runtime/job-summary.ts";

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

  test("never repeats the words of a foreign error, which may carry a row or a connection string", () => {
    const foreign = Object.assign(new Error("Key (email)=(noura@personal.example) already exists"), { code: "23505" });
    expect(JSON.stringify(reportError(foreign))).not.toContain("noura");
    expect(reportError(Object.assign(new Error("x"), { code: "ECONNRESET" })).message).toContain("ECONNRESET");
    expect(JSON.stringify(reportError("postgresql://user:secret@host/db"))).not.toContain("secret");
  });
});

describe("the summary page", () => {
  test("a name with markup in it is shown as text", () => {
    const page = renderSummary({
      title: "Backup",
      sentence: "Done.",
      tables: [{ header: ["table", "rows"], rows: [["public.a|b <img>", "3"]] }],
    });
    expect(page).toContain("| public.a\\|b \\<img\\> | 3 |");
    expect(page).toContain("| --- | --- |");
  });

  test("a table without rows is left out", () => {
    const page = renderSummary({ title: "t", sentence: "s", tables: [{ title: "none", header: ["a"], rows: [] }] });
    expect(page).not.toContain("none");
  });
});
