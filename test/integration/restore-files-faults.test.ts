import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { everyFile } from "../../actions/lib/operations/restore-files/selection.ts";
import { createProject, execute, withClient } from "../lab/index.ts";
import type { Call } from "../lab/storage/call.ts";
import { seedFiles, startStorage } from "../lab/storage/index.ts";
import { snapshotOf } from "./memory-snapshot.ts";
import { buckets, openRestoreFilesLab, type RestoreFilesLab, superuserUrl } from "./restore-files-lab.ts";

let lab: RestoreFilesLab;

beforeAll(async () => {
  lab = await openRestoreFilesLab();
});
afterAll(() => lab?.[Symbol.asyncDispose]());
beforeEach(() => lab.newTarget());

describe("a restore of files that fails", () => {
  const limited = async () => {
    await lab.restore({ choice: { ...everyFile, prefix: "plain/" } });
    await execute(lab.target.postgresUrl, "update storage.buckets set file_size_limit = 5");
    return buckets(lab.target);
  };

  test("puts limits back when the endpoint breaks down, and goes on when it is run again", async () => {
    const before = await limited();
    let puts = 0;
    const down = lab.storage.inject({
      kind: "internal-error",
      on: ({ operation }) => operation === "PutObject" && ++puts > 20,
    });
    await expect(lab.restore({ width: 2 })).rejects.toMatchObject({ code: "target-storage-down" });
    down();
    expect(await buckets(lab.target)).toEqual(before);
    expect(await lab.restore()).toMatchObject({ outcome: "equal" });
    expect(await buckets(lab.target)).toEqual(before);
  });

  test("puts limits back when it is called off", async () => {
    const before = await limited();
    const controller = new AbortController();
    lab.storage.inject({
      kind: "slow",
      on: ({ operation, key }) => {
        if (operation === "PutObject" && key.includes("2025-7")) controller.abort(new Error("called off"));
        return false;
      },
    });
    await expect(lab.restore({ signal: controller.signal })).rejects.toThrow("called off");
    expect(await buckets(lab.target)).toEqual(before);
  });

  test("leaves limits noted when it is killed, and the next run puts them back", async () => {
    const before = await limited();
    await withClient(lab.target.postgresUrl, async (client) => {
      const { liftLimits } = await import("../../actions/lib/operations/restore-files/buckets.ts");
      await liftLimits(
        client,
        before.map(({ id }) => id),
      );
    });
    expect(await buckets(lab.target)).not.toEqual(before);
    await lab.restore({ choice: { ...everyFile, prefix: "plain/" } });
    expect(await buckets(lab.target)).toEqual(before);
  });

  test("rides out a storm of 429 and 500: each request fails twice before it is answered", async () => {
    const asked = new Map<string, number>();
    const times = ({ operation, bucket, key }: Call): number => asked.get(`${operation} ${bucket}/${key}`) ?? 0;
    const again = (call: Call): number => {
      asked.set(`${call.operation} ${call.bucket}/${call.key}`, times(call) + 1);
      return times(call);
    };
    const storms = [
      lab.storage.inject({ kind: "slow-down", on: (call) => again(call) === 1 }),
      lab.storage.inject({ kind: "internal-error", on: (call) => call.operation !== "GetObject" && times(call) === 2 }),
    ];
    expect(await lab.restore()).toMatchObject({ outcome: "equal", counts: { sent: 60, readBack: 60 } });
    for (const end of storms) expect(end()).toBeGreaterThanOrEqual(60);
  });

  test("names what the target lost, cut or changed when it is read back", async () => {
    await lab.restore({ choice: { ...everyFile, prefix: "plain/" } });
    for (const [kind, verdict] of [
      ["corrupt", "failed"],
      ["short-read", "failed"],
      ["slow-down", "unverified"],
    ] as const) {
      const end = lab.storage.inject({
        kind,
        on: ({ operation }) => operation === "GetObject",
      });
      const looked = await lab.restore({ choice: { ...everyFile, prefix: "plain/" } }).finally(end);
      expect(
        looked.findings.map((finding) => finding.verdict),
        kind,
      ).toContain(verdict);
      expect(looked.outcome, kind).toBe(verdict === "failed" ? "differs" : "unverified");
    }
  });

  test("sends nothing that is not what the snapshot lists, and says so by the row's id", async () => {
    const spoilt = await snapshotOf(lab.source, lab.sourceStorage, (file, content) =>
      file.name === "plain/report.pdf" ? Buffer.concat([content.subarray(0, -1), Buffer.from("!")]) : content,
    );
    const result = await lab.restore({ snapshot: spoilt });
    expect(result).toMatchObject({ outcome: "differs", counts: { sent: 59, findings: 1 } });
    const id = await withClient(lab.source.superuserUrl, (client) =>
      client.query("select id from storage.objects where name = 'plain/report.pdf'"),
    );
    expect(result.findings[0]).toMatchObject({
      id: id.rows[0]?.id,
      verdict: "failed",
      why: expect.stringContaining("vault"),
    });
    expect(lab.sentKeys()).not.toContain("plain/report.pdf");
  });

  test("stops at wrong keys or a wrong region before anything is written, and names the settings", async () => {
    for (const wrong of [{ region: "us-east-1" }, { secretAccessKey: "nope" }, { accessKeyId: "nope" }]) {
      const refused = await lab.restore({}, wrong).catch((error: unknown) => error);
      expect(refused).toMatchObject({
        code: "target-storage-refused",
        exitCode: 2,
        next: expect.stringContaining("TARGET_STORAGE_REGION"),
      });
    }
    expect(await buckets(lab.target)).toEqual([]);
  });

  test("stops after one file where endpoint and database belong to different projects", async () => {
    const other = await createProject(superuserUrl, `files_other_${process.pid}`);
    await using elsewhere = await startStorage(other);
    const { endpoint, accessKeyId, secretAccessKey } = elsewhere;
    const sent = () => elsewhere.answered.filter(({ operation }) => operation === "PutObject").length;
    // Other buckets: seen at once.
    await seedFiles(other, elsewhere, { count: 0, bytes: 0, seed: 9 });
    await expect(lab.restore({}, { endpoint, accessKeyId, secretAccessKey })).rejects.toMatchObject({
      code: "target-mixed",
    });
    expect(sent()).toBe(0);
    // The same buckets, and in the database the rows of the very files: only a file that arrives tells.
    await lab.restore();
    for (const { version } of (
      await withClient(lab.target.superuserUrl, (client) => client.query("select version from storage.objects"))
    ).rows)
      await lab.storage.files.remove(version);
    await expect(lab.restore({}, { endpoint, accessKeyId, secretAccessKey })).rejects.toMatchObject({
      code: "target-mixed",
    });
    expect(sent()).toBe(1);
  });

  test("names an empty file that the endpoint would store under another name, and sends the others", async () => {
    const odd = {
      ...lab.snapshot,
      async *files() {
        for await (const file of lab.snapshot.files())
          yield file.bytes === 0 && !file.name.includes(".empty") ? { ...file, name: "folder/" } : file;
      },
    };
    const result = await lab.restore({ snapshot: odd });
    expect(result).toMatchObject({ outcome: "equal", counts: { chosen: 60, sent: 59 } });
    expect(result.findings).toMatchObject([{ verdict: "expected", why: expect.stringContaining("slash") }]);
  });
});
