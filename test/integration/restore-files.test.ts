import { readFile, writeFile } from "node:fs/promises";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { Secret } from "../../actions/lib/config/secret.ts";
import { type FilesTask, restoreFiles } from "../../actions/lib/restore/files/restore-files.ts";
import { inOneRequest } from "../../actions/lib/restore/files/send-files.ts";
import { openTargetFiles } from "../../actions/lib/restore/files/target-files.ts";
import { everyFile } from "../../actions/lib/restore/files/wanted.ts";
import { connect } from "../../actions/lib/source/connect.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import type { Call } from "../lab/storage/call.ts";
import { PLANTED_NAME, type RunningStorage, seedFiles, startStorage } from "../lab/storage/index.ts";
import { recordingLog } from "./backup-lab.ts";
import { snapshotOf } from "./memory-snapshot.ts";

const superuserUrl = sharedPostgres(17).superuserUrl();
let source: LabProject;
let sourceStorage: RunningStorage;
let snapshot: Awaited<ReturnType<typeof snapshotOf>>;
let target: LabProject;
let storage: RunningStorage;
let projects = 0;

beforeAll(async () => {
  source = await createProject(superuserUrl, `files_source_${process.pid}`);
  sourceStorage = await startStorage(source);
  await seedFiles(source, sourceStorage, { count: 60, bytes: 600_000, seed: 5 });
  snapshot = await snapshotOf(source, sourceStorage);
});
afterAll(async () => {
  await sourceStorage.stop();
});

beforeEach(async () => {
  snapshot.opened.length = 0;
  target = await createProject(superuserUrl, `files_target_${process.pid}_${++projects}`);
  storage = await startStorage(target);
  return async () => {
    await storage.stop();
    await dropProject(superuserUrl, target.name);
  };
});

const log = recordingLog();

async function restore(change: Partial<FilesTask> = {}, access: Partial<RunningStorage> = {}) {
  const { endpoint, region, accessKeyId, secretAccessKey } = { ...storage, ...access };
  const settings = { endpoint, region, accessKeyId, secretAccessKey: new Secret(secretAccessKey), prefix: "TARGET" };
  using files = openTargetFiles(settings, { attempts: 8, baseMillis: 2 });
  return await restoreFiles({
    ...{ snapshot, choice: everyFile, targetName: "default", prefix: "TARGET", target: files, overwrite: false },
    connect: () => connect(parseConnectionUrl(target.postgresUrl, undefined), { applicationName: "lifeboat/test" }),
    ...{ sample: undefined, readAllBytes: 1e9, width: 8, dryRun: false, log },
    ...change,
  });
}

/** All that the project tells of its files, and their bytes as the endpoint's folder has them. */
async function state(project: LabProject, server: RunningStorage) {
  const rows = await withClient(project.superuserUrl, (client) =>
    client.query(`select bucket_id, name, version, owner_id, user_metadata, created_at, updated_at,
      metadata - 'lastModified' as metadata from storage.objects order by bucket_id, name collate "C"`),
  );
  const found = [];
  for (const { version, ...row } of rows.rows) {
    const file = await server.files.find(version);
    const { contentType, cacheControl } = file?.carried ?? {};
    found.push({ ...row, bytes: file?.bytes, contentType, cacheControl });
  }
  return found;
}

async function buckets(project: LabProject) {
  const found = await withClient(project.superuserUrl, (client) =>
    client.query("select * from storage.buckets order by id"),
  );
  return found.rows;
}

const sentKeys = () =>
  storage.answered.filter(({ operation, status }) => operation === "PutObject" && status === 200).map(({ key }) => key);

describe("files restored into a project", () => {
  test("that is empty are the source's in every respect, and nothing of ours is left", async () => {
    const result = await restore();
    expect(result).toMatchObject({ outcome: "proven", findings: [], counts: { chosen: 60, sent: 60, readBack: 60 } });
    expect(await state(target, storage)).toEqual(await state(source, sourceStorage));
    expect(await buckets(target)).toEqual(await buckets(source));
    expect(result.notes.join()).toMatch(/owners of files do not exist/);
    const left = await withClient(target.superuserUrl, (client) =>
      client.query("select from pg_namespace where nspname like 'lifeboat%'"),
    );
    expect(left.rowCount).toBe(0);
  });

  test("open each object once, and name no file and no person in any line", async () => {
    await restore();
    expect(new Set(snapshot.opened).size).toBe(snapshot.opened.length);
    expect(log.lines.length).toBeGreaterThan(0);
    expect(log.lines.join("\n")).not.toContain(PLANTED_NAME);
  });

  test("send only what is missing or lost when they are run again", async () => {
    await restore();
    const rows = await state(target, storage);
    const [gone, lost] = [rows[3], rows[20]];
    const client = storage.client();
    await client.send(new DeleteObjectCommand({ Bucket: gone.bucket_id, Key: gone.name }));
    client.destroy();
    const version = await withClient(target.superuserUrl, (one) =>
      one.query("select version from storage.objects where bucket_id = $1 and name = $2", [lost.bucket_id, lost.name]),
    );
    await storage.files.remove(version.rows[0]?.version);
    storage.answered.length = 0;
    const result = await restore();
    expect(sentKeys().sort()).toEqual([gone.name, lost.name].sort());
    expect(result).toMatchObject({ outcome: "proven", counts: { sent: 2, present: 58 } });
    expect(await state(target, storage)).toEqual(await state(source, sourceStorage));
    storage.answered.length = 0;
    await restore();
    expect(sentKeys()).toEqual([]);
  });

  test("tell of bytes that are spoilt behind a row that looks right, and send them again when that is asked for", async () => {
    await restore();
    const spoilt = (await state(target, storage)).find(({ bytes }) => bytes > 0);
    const found = await withClient(target.superuserUrl, (one) =>
      one.query("select version from storage.objects where bucket_id = $1 and name = $2", [
        spoilt?.bucket_id,
        spoilt?.name,
      ]),
    );
    const path = storage.files.path(found.rows[0]?.version);
    const bytes = await readFile(path);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await restore()).toMatchObject({ outcome: "differs", counts: { sent: 0, findings: 1 } });
    storage.answered.length = 0;
    const result = await restore({ overwrite: true });
    expect(sentKeys()).toEqual([spoilt?.name]);
    expect(result).toMatchObject({ outcome: "proven", findings: [], counts: { sent: 1, overwritten: 1, present: 59 } });
    expect(await state(target, storage)).toEqual(await state(source, sourceStorage));
  });

  test("go over the rows that a database restore has brought: ids, owners and times stay", async () => {
    const columns =
      "id, bucket_id, name, owner_id, created_at, updated_at, last_accessed_at, metadata, version, user_metadata";
    const rows = await withClient(source.superuserUrl, (client) =>
      client.query(`select json_agg(o) as rows from (select ${columns} from storage.objects) o`),
    );
    const all = await withClient(source.superuserUrl, (client) =>
      client.query("select json_agg(b) as rows from storage.buckets b"),
    );
    await withClient(target.postgresUrl, async (client) => {
      await client.query(
        "insert into storage.buckets select * from json_populate_recordset(null::storage.buckets, $1)",
        [JSON.stringify(all.rows[0].rows)],
      );
      await client.query(
        `insert into storage.objects (${columns}) select ${columns} from json_populate_recordset(null::storage.objects, $1)`,
        [JSON.stringify(rows.rows[0].rows)],
      );
    });
    const ids = async (project: LabProject) =>
      withClient(
        project.superuserUrl,
        async (client) => (await client.query("select id, name from storage.objects order by id")).rows,
      );
    expect(await restore()).toMatchObject({ outcome: "proven", counts: { sent: 60 } });
    expect(await ids(target)).toEqual(await ids(source));
    expect(await state(target, storage)).toEqual(await state(source, sourceStorage));
  });

  test("never replace another file unless that is said, and then do", async () => {
    await restore();
    const client = storage.client();
    const at = { Bucket: "exam-files", Key: "plain/report.pdf" };
    await client.send(
      new PutObjectCommand({ ...at, Body: "somebody's newer version", ContentType: "application/pdf" }),
    );
    client.destroy();
    storage.answered.length = 0;
    await expect(restore()).rejects.toMatchObject({
      code: "files-differ",
      exitCode: 2,
      message: expect.stringMatching(/^1 file .*exam-files/),
    });
    expect(sentKeys()).toEqual([]);
    expect(await restore({ overwrite: true })).toMatchObject({
      outcome: "proven",
      counts: { sent: 1, overwritten: 1 },
    });
    expect(await state(target, storage)).toEqual(await state(source, sourceStorage));
  });

  test("write nothing in a dry run, and say what would be sent", async () => {
    const result = await restore({ dryRun: true });
    expect(result).toMatchObject({ outcome: "dry-run", counts: { chosen: 60, sent: 60 } });
    expect(await buckets(target)).toEqual([]);
    expect(sentKeys()).toEqual([]);
  });

  test("travel in parts where they are large, and are known again by their bytes", async () => {
    const other = await createProject(superuserUrl, `files_large_${process.pid}`);
    await using large = await startStorage(other);
    await seedFiles(other, large, { count: 2, bytes: 60_000_000, seed: 8 });
    const big = await snapshotOf(other, large);
    expect(Math.max(...(await state(other, large)).map(({ bytes }) => bytes))).toBeGreaterThan(inOneRequest);
    expect(await restore({ snapshot: big })).toMatchObject({ outcome: "proven", counts: { sent: 2 } });
    expect(storage.answered.filter(({ operation }) => operation === "UploadPart").length).toBeGreaterThan(1);
    storage.answered.length = 0;
    expect(await restore({ snapshot: big })).toMatchObject({ outcome: "proven", counts: { sent: 0, present: 2 } });
    expect(storage.answered.map(({ operation }) => operation)).not.toContain("CreateMultipartUpload");
  });

  test("can be chosen by bucket, prefix, owner and list", async () => {
    const result = await restore({ choice: { ...everyFile, buckets: ["exam-files"], prefix: "plain/" } });
    expect(result.counts.sent).toBe(1);
    expect((await buckets(target)).map(({ id }) => id)).toEqual(["exam-files"]);
  });

  test("pass limits that would refuse them, which are back afterwards", async () => {
    await restore();
    const limits = "file_size_limit = 5, allowed_mime_types = array['text/html']";
    await execute(
      target.postgresUrl,
      `update storage.buckets set ${limits}; set storage.allow_delete_query = 'true'; delete from storage.objects`,
    );
    const before = await buckets(target);
    const result = await restore();
    expect(result).toMatchObject({ outcome: "proven", counts: { sent: 60 } });
    expect([...result.limitsLifted].sort()).toEqual(["exam-files", "processed-results", "student-submissions"]);
    expect(await buckets(target)).toEqual(before);
  });
});

describe("a restore of files that fails", () => {
  const limited = async () => {
    await restore({ choice: { ...everyFile, prefix: "plain/" } });
    await execute(target.postgresUrl, "update storage.buckets set file_size_limit = 5");
    return buckets(target);
  };

  test("puts limits back when the endpoint breaks down, and goes on when it is run again", async () => {
    const before = await limited();
    let puts = 0;
    const down = storage.inject({
      kind: "internal-error",
      on: ({ operation }) => operation === "PutObject" && ++puts > 20,
    });
    await expect(restore({ width: 2 })).rejects.toMatchObject({ code: "target-storage-down" });
    down();
    expect(await buckets(target)).toEqual(before);
    expect(await restore()).toMatchObject({ outcome: "proven" });
    expect(await buckets(target)).toEqual(before);
  });

  test("puts limits back when it is called off", async () => {
    const before = await limited();
    const controller = new AbortController();
    storage.inject({
      kind: "slow",
      on: ({ operation, key }) => {
        if (operation === "PutObject" && key.includes("2025-7")) controller.abort(new Error("called off"));
        return false;
      },
    });
    await expect(restore({ signal: controller.signal })).rejects.toThrow("called off");
    expect(await buckets(target)).toEqual(before);
  });

  test("leaves limits noted when it is killed, and the next run puts them back", async () => {
    const before = await limited();
    await withClient(target.postgresUrl, async (client) => {
      const { liftLimits } = await import("../../actions/lib/restore/files/buckets.ts");
      await liftLimits(
        client,
        before.map(({ id }) => id),
      );
    });
    expect(await buckets(target)).not.toEqual(before);
    await restore({ choice: { ...everyFile, prefix: "plain/" } });
    expect(await buckets(target)).toEqual(before);
  });

  test("rides out a storm of 429 and 500: each request fails twice before it is answered", async () => {
    const asked = new Map<string, number>();
    const times = ({ operation, bucket, key }: Call): number => asked.get(`${operation} ${bucket}/${key}`) ?? 0;
    const again = (call: Call): number => {
      asked.set(`${call.operation} ${call.bucket}/${call.key}`, times(call) + 1);
      return times(call);
    };
    const storms = [
      storage.inject({ kind: "slow-down", on: (call) => again(call) === 1 }),
      storage.inject({ kind: "internal-error", on: (call) => call.operation !== "GetObject" && times(call) === 2 }),
    ];
    expect(await restore()).toMatchObject({ outcome: "proven", counts: { sent: 60, readBack: 60 } });
    for (const end of storms) expect(end()).toBeGreaterThanOrEqual(60);
  });

  test("names what the target lost, cut or changed when it is read back", async () => {
    await restore({ choice: { ...everyFile, prefix: "plain/" } });
    for (const [kind, verdict] of [
      ["corrupt", "failed"],
      ["short-read", "failed"],
      ["slow-down", "unverified"],
    ] as const) {
      const end = storage.inject({
        kind,
        on: ({ operation, query }) => operation === "GetObject" && query.get("x-id") === "GetObject",
      });
      const looked = await restore({ choice: { ...everyFile, prefix: "plain/" } }).finally(end);
      expect(
        looked.findings.map((finding) => finding.verdict),
        kind,
      ).toContain(verdict);
      expect(looked.outcome, kind).toBe(verdict === "failed" ? "differs" : "unverified");
    }
  });

  test("sends nothing that is not what the snapshot lists, and says so by the row's id", async () => {
    const spoilt = await snapshotOf(source, sourceStorage, (file, content) =>
      file.name === "plain/report.pdf" ? Buffer.concat([content.subarray(0, -1), Buffer.from("!")]) : content,
    );
    const result = await restore({ snapshot: spoilt });
    expect(result).toMatchObject({ outcome: "differs", counts: { sent: 59, findings: 1 } });
    const id = await withClient(source.superuserUrl, (client) =>
      client.query("select id from storage.objects where name = 'plain/report.pdf'"),
    );
    expect(result.findings[0]).toMatchObject({
      id: id.rows[0]?.id,
      verdict: "failed",
      why: expect.stringContaining("vault"),
    });
    expect(sentKeys()).not.toContain("plain/report.pdf");
  });

  test("stops at wrong keys or a wrong region before anything is written, and names the settings", async () => {
    for (const wrong of [{ region: "us-east-1" }, { secretAccessKey: "nope" }, { accessKeyId: "nope" }]) {
      const refused = await restore({}, wrong).catch((error: unknown) => error);
      expect(refused).toMatchObject({
        code: "target-storage-refused",
        exitCode: 2,
        next: expect.stringContaining("TARGET_STORAGE_REGION"),
      });
    }
    expect(await buckets(target)).toEqual([]);
  });

  test("stops after one file where endpoint and database belong to different projects", async () => {
    const other = await createProject(superuserUrl, `files_other_${process.pid}`);
    await using elsewhere = await startStorage(other);
    const { endpoint, accessKeyId, secretAccessKey } = elsewhere;
    const sent = () => elsewhere.answered.filter(({ operation }) => operation === "PutObject").length;
    // Other buckets: seen at once.
    await seedFiles(other, elsewhere, { count: 0, bytes: 0, seed: 9 });
    await expect(restore({}, { endpoint, accessKeyId, secretAccessKey })).rejects.toMatchObject({
      code: "target-mixed",
    });
    expect(sent()).toBe(0);
    // The same buckets, and in the database the rows of the very files: only a file that arrives tells.
    await restore();
    for (const { version } of (
      await withClient(target.superuserUrl, (client) => client.query("select version from storage.objects"))
    ).rows)
      await storage.files.remove(version);
    await expect(restore({}, { endpoint, accessKeyId, secretAccessKey })).rejects.toMatchObject({
      code: "target-mixed",
    });
    expect(sent()).toBe(1);
  });

  test("names an empty file that the endpoint would store under another name, and sends the others", async () => {
    const odd = {
      ...snapshot,
      async *files() {
        for await (const file of snapshot.files())
          yield file.bytes === 0 && !file.name.includes(".empty") ? { ...file, name: "folder/" } : file;
      },
    };
    const result = await restore({ snapshot: odd });
    expect(result).toMatchObject({ outcome: "proven", counts: { chosen: 60, sent: 59 } });
    expect(result.findings).toMatchObject([{ verdict: "expected", why: expect.stringContaining("slash") }]);
  });
});
