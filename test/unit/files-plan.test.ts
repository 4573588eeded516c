import { describe, expect, test } from "vitest";
import { fileRestorationPage, filesSentence } from "../../actions/lib/report/file-restoration.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { bucketsInTheWay } from "../../actions/lib/restore/files/buckets.ts";
import { failureOf, settingsFailure } from "../../actions/lib/restore/files/file-failure.ts";
import type { FilesResult } from "../../actions/lib/restore/files/files-result.ts";
import { snapshotFor } from "../../actions/lib/restore/files/find-snapshot.ts";
import { refuseWrongTarget, type TargetIdentity } from "../../actions/lib/restore/files/gates.ts";
import { judge } from "../../actions/lib/restore/files/judge.ts";
import { Lanes } from "../../actions/lib/restore/files/lanes.ts";
import { localPaths } from "../../actions/lib/restore/files/local-path.ts";
import { sampleOf } from "../../actions/lib/restore/files/verify-files.ts";
import { Chooser, everyFile, readList } from "../../actions/lib/restore/files/wanted.ts";
import { ConfigurationError, OperationError } from "../../actions/lib/runtime/errors.ts";

const md5 = (letter: string): string => `"${letter.repeat(32)}"`;

describe("a row of the target says of a file", () => {
  const file = { bytes: 10, eTag: md5("a") };
  const row = { bytes: 10, eTag: md5("a"), version: "v" };
  test.each([
    ["absent", undefined],
    ["alike", row],
    ["alike", { ...row, eTag: "a".repeat(32) }],
    ["different", { ...row, eTag: md5("b") }],
    ["different", { ...row, bytes: 11 }],
    ["unsure", { ...row, eTag: `"${"a".repeat(32)}-2"` }],
    ["unsure", { ...row, eTag: null }],
    ["unsure", { ...row, bytes: null }],
  ] as const)("%s", (likeness, present) => {
    expect(judge(file, present)).toBe(likeness);
  });

  test("unsure where the source's own ETag depends on parts", () => {
    expect(judge({ bytes: 10, eTag: `"${"a".repeat(32)}-2"` }, row)).toBe("unsure");
  });
});

describe("the choice of files", () => {
  const file = { bucket: "exams", name: "a/b.pdf", ownerId: "noura" };

  test("takes all that every option allows", () => {
    expect(new Chooser(everyFile).wants(file)).toBe(true);
    expect(new Chooser({ ...everyFile, buckets: ["exams"], prefix: "a/", owner: "noura" }).wants(file)).toBe(true);
    expect(new Chooser({ ...everyFile, buckets: ["other"] }).wants(file)).toBe(false);
    expect(new Chooser({ ...everyFile, prefix: "b" }).wants(file)).toBe(false);
    expect(new Chooser({ ...everyFile, owner: "sara" }).wants(file)).toBe(false);
  });

  test("counts the lines of a list that are in no snapshot, without naming them", () => {
    const chooser = new Chooser({ ...everyFile, list: readList("exams/a/b.pdf\r\n\nexams/ blank \n") });
    expect(chooser.wants(file)).toBe(true);
    expect(() => chooser.refuseUnknown(["exams"])).toThrow(/^1 of the 2 files/);
    expect(() => chooser.refuseUnknown(["exams"])).not.toThrow(/blank/);
    expect(chooser.wants({ ...file, name: " blank " })).toBe(true);
    expect(() => chooser.refuseUnknown(["exams"])).not.toThrow();
  });

  test("refuses a prefix or an owner that no file has, but not a bucket without files", () => {
    for (const choice of [{ prefix: "A/" }, { owner: "nour" }]) {
      const chooser = new Chooser({ ...everyFile, ...choice });
      expect(chooser.wants(file)).toBe(false);
      expect(() => chooser.refuseUnknown(["exams"])).toThrow(/No file of the snapshot/);
    }
    const emptyBucket = new Chooser({ ...everyFile, buckets: ["results"] });
    expect(emptyBucket.wants(file)).toBe(false);
    expect(() => emptyBucket.refuseUnknown(["exams", "results"])).not.toThrow();
  });

  test("refuses a bucket that the snapshot does not have, and names those that it has", () => {
    const chooser = new Chooser({ ...everyFile, buckets: ["exam"] });
    expect(() => chooser.refuseUnknown(["exams", "results"])).toThrow(/no bucket exam; it has exams, results/);
  });
});

describe("paths below a folder", () => {
  const pathOf = (name: string): string => localPaths([{ bucket: "b", name }])[0] ?? "";
  const tail = /^b\//;

  test("are the names wherever a file system can hold them", () => {
    for (const name of [
      "a/b c.pdf",
      "plus+and&ampersand=equals.pdf",
      " leading",
      "it's (1)!*.pdf",
      "...dots/..two.pdf",
    ])
      expect(pathOf(name)).toBe(`b/${name}`);
  });

  test("never climb, never are absolute, never have an empty part", () => {
    for (const name of [
      "../../etc/passwd",
      "/etc/passwd",
      "a/../../x",
      "./a",
      "a//b",
      "a/",
      "..",
      "a/..",
      "\\..\\x",
      "a\0b",
      ". ./.. ",
    ]) {
      const parts = pathOf(name).split("/");
      expect(parts[0]).toBe("b");
      for (const part of parts) expect(part, name).not.toMatch(/^\.{0,2}$|[\0\\]|[. ]$/);
    }
    expect(localPaths([{ bucket: "..", name: "x" }])[0]).toBe("%2E%2E/x");
  });

  test("fit into the parts that file systems have", () => {
    const long = pathOf(`${"x".repeat(300)}/${"y".repeat(600)}.pdf`);
    for (const part of long.split("/")) expect(Buffer.byteLength(part)).toBeLessThanOrEqual(255);
    expect(pathOf(`${"x".repeat(299)}a`)).not.toBe(pathOf(`${"x".repeat(299)}b`));
  });

  test("are all different, also where upper and lower case are the same, and no file is a folder", () => {
    const names = [
      "UPPER/case.pdf",
      "upper/CASE.pdf",
      "upper/case.PDF",
      "a",
      "a/b",
      "A/B",
      "x//y",
      "x/%/y",
      "con.txt",
      "n ",
    ];
    const paths = localPaths(names.map((name) => ({ bucket: "b", name })));
    const folded = paths.map((path) => path.toLowerCase());
    expect(new Set(folded).size).toBe(names.length);
    for (const path of folded) for (const other of folded) expect(other.startsWith(`${path}/`)).toBe(false);
    expect(paths[0]).toBe("b/UPPER/case.pdf");
    expect(paths[3]).toMatch(tail);
  });

  test("stay what they are in another run", () => {
    const files = ["a", "A", "a/b"].map((name) => ({ bucket: "b", name }));
    expect(localPaths(files)).toEqual(localPaths(files));
  });
});

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

describe("the snapshot that goes with a set", () => {
  const at = (time: string, together: string | null = null) => ({
    set: time,
    snapshotAt: `2026-11-${time}T00:00:00Z`,
    databaseSet: together === null ? null : { tier: "daily" as const, set: together },
  });
  const moment = { set: "the set", snapshotAt: "2026-11-20T12:00:00Z" };

  test.each([
    ["same", "22", [at("23"), at("22", "the set"), at("20")]],
    ["earlier", "20", [at("23"), at("20"), at("19")]],
    ["later", "21", [at("23"), at("21")]],
  ] as const)("is of the %s time", (fit, set, snapshots) => {
    expect(snapshotFor(moment, snapshots)).toEqual({ set, fit });
  });

  test("is the one that the set names, before all others", () => {
    const named = { ...moment, files: { set: "19" } };
    expect(snapshotFor(named, [at("22", "the set"), at("20"), at("19")])).toEqual({ set: "19", fit: "same" });
    // Retention has taken it.
    expect(snapshotFor(named, [at("23"), at("20")])).toEqual({ set: "20", fit: "earlier" });
  });

  test("is none where there are none", () => {
    expect(snapshotFor(moment, [])).toBeUndefined();
  });
});

describe("what a restore of files says", () => {
  const result: FilesResult = {
    ...{ outcome: "proven", snapshot: "20261124T000000Z-00000000", takenAt: "2026-11-24T00:00:00Z", target: "staging" },
    counts: {
      ...{ chosen: 10, bytes: 1000, sent: 4, sentBytes: 400, different: 0, overwritten: 0, present: 6 },
      ...{ rowsMended: 4, readBack: 10, findings: 0 },
    },
    ...{ bucketsMade: [], limitsLifted: [], findings: [], notes: [], stages: [] },
  };

  test("is proven only when it is", () => {
    for (const outcome of ["proven", "sampled", "differs", "unverified", "dry-run"] as const) {
      const said = filesSentence({ ...result, outcome });
      expect(said.includes("proven"), outcome).toBe(outcome === "proven");
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

test("a sample has its share of the files, at least one, each once", () => {
  const files = Array.from({ length: 200 }, (_, index) => index);
  const sample = sampleOf(files, 0.05);
  expect(sample).toHaveLength(10);
  expect(new Set(sample).size).toBe(10);
  expect(sampleOf(files, 0.0001)).toHaveLength(1);
  expect(sampleOf([], 0.05)).toEqual([]);
  expect(sampleOf(files, 1)).toEqual(files);
});

test("lanes hold no more than they are told, and one of any size", async () => {
  const lanes = new Lanes(2, 100);
  const first = await lanes.enter(1000);
  let entered = false;
  const waiting = lanes.enter(1).then((leave) => {
    entered = true;
    return leave;
  });
  await Promise.resolve();
  expect(entered).toBe(false);
  first();
  (await waiting)();
  expect(entered).toBe(true);
});
