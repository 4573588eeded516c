import { readFile, writeFile } from "node:fs/promises";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { everyFile } from "../../actions/lib/operations/restore-files/selection.ts";
import { inOneRequest } from "../../actions/lib/operations/restore-files/send-files.ts";
import { createProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { PLANTED_NAME, seedFiles, startStorage } from "../lab/storage/index.ts";
import { snapshotOf } from "./memory-snapshot.ts";
import { buckets, openRestoreFilesLab, type RestoreFilesLab, state, superuserUrl } from "./restore-files-lab.ts";

let lab: RestoreFilesLab;

beforeAll(async () => {
  lab = await openRestoreFilesLab();
});
afterAll(() => lab?.[Symbol.asyncDispose]());
beforeEach(() => lab.newTarget());

describe("files restored into a project", () => {
  test("that is empty are the source's in every respect, and nothing of ours is left", async () => {
    const result = await lab.restore();
    expect(result).toMatchObject({ outcome: "equal", findings: [], counts: { chosen: 60, sent: 60, readBack: 60 } });
    expect(await state(lab.target, lab.storage)).toEqual(await state(lab.source, lab.sourceStorage));
    expect(await buckets(lab.target)).toEqual(await buckets(lab.source));
    expect(result.notes.join()).toMatch(/owners of files do not exist/);
    const left = await withClient(lab.target.superuserUrl, (client) =>
      client.query("select from pg_namespace where nspname like 'lifeboat%'"),
    );
    expect(left.rowCount).toBe(0);
  });

  test("open each object once, and name no file and no person in any line", async () => {
    await lab.restore();
    expect(new Set(lab.snapshot.opened).size).toBe(lab.snapshot.opened.length);
    expect(lab.log.lines.length).toBeGreaterThan(0);
    expect(lab.log.lines.join("\n")).not.toContain(PLANTED_NAME);
  });

  test("send only what is missing or lost when they are run again", async () => {
    await lab.restore();
    const rows = await state(lab.target, lab.storage);
    const [gone, lost] = [rows[3], rows[20]];
    const client = lab.storage.client();
    await client.send(new DeleteObjectCommand({ Bucket: gone.bucket_id, Key: gone.name }));
    client.destroy();
    const version = await withClient(lab.target.superuserUrl, (one) =>
      one.query("select version from storage.objects where bucket_id = $1 and name = $2", [lost.bucket_id, lost.name]),
    );
    await lab.storage.files.remove(version.rows[0]?.version);
    lab.storage.answered.length = 0;
    const result = await lab.restore();
    expect(lab.sentKeys().sort()).toEqual([gone.name, lost.name].sort());
    expect(result).toMatchObject({ outcome: "equal", counts: { sent: 2, present: 58 } });
    expect(await state(lab.target, lab.storage)).toEqual(await state(lab.source, lab.sourceStorage));
    lab.storage.answered.length = 0;
    await lab.restore();
    expect(lab.sentKeys()).toEqual([]);
  });

  test("tell of bytes that are spoilt behind a row that looks right, and send them again when that is asked for", async () => {
    await lab.restore();
    const spoilt = (await state(lab.target, lab.storage)).find(({ bytes }) => bytes > 0);
    const found = await withClient(lab.target.superuserUrl, (one) =>
      one.query("select version from storage.objects where bucket_id = $1 and name = $2", [
        spoilt?.bucket_id,
        spoilt?.name,
      ]),
    );
    const path = lab.storage.files.path(found.rows[0]?.version);
    const bytes = await readFile(path);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await lab.restore()).toMatchObject({ outcome: "differs", counts: { sent: 0, findings: 1 } });
    lab.storage.answered.length = 0;
    const result = await lab.restore({ overwrite: true });
    expect(lab.sentKeys()).toEqual([spoilt?.name]);
    expect(result).toMatchObject({ outcome: "equal", findings: [], counts: { sent: 1, overwritten: 1, present: 59 } });
    expect(await state(lab.target, lab.storage)).toEqual(await state(lab.source, lab.sourceStorage));
  });

  test("go over the rows that a database restore has brought: ids, owners and times stay", async () => {
    const columns =
      "id, bucket_id, name, owner_id, created_at, updated_at, last_accessed_at, metadata, version, user_metadata";
    const rows = await withClient(lab.source.superuserUrl, (client) =>
      client.query(`select json_agg(o) as rows from (select ${columns} from storage.objects) o`),
    );
    const all = await withClient(lab.source.superuserUrl, (client) =>
      client.query("select json_agg(b) as rows from storage.buckets b"),
    );
    await withClient(lab.target.postgresUrl, async (client) => {
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
    expect(await lab.restore()).toMatchObject({ outcome: "equal", counts: { sent: 60 } });
    expect(await ids(lab.target)).toEqual(await ids(lab.source));
    expect(await state(lab.target, lab.storage)).toEqual(await state(lab.source, lab.sourceStorage));
  });

  test("never replace another file unless that is said, and then do", async () => {
    await lab.restore();
    const client = lab.storage.client();
    const at = { Bucket: "exam-files", Key: "plain/report.pdf" };
    await client.send(
      new PutObjectCommand({ ...at, Body: "somebody's newer version", ContentType: "application/pdf" }),
    );
    client.destroy();
    lab.storage.answered.length = 0;
    await expect(lab.restore()).rejects.toMatchObject({
      code: "files-differ",
      exitCode: 2,
      message: expect.stringMatching(/^1 file .*exam-files/),
    });
    expect(lab.sentKeys()).toEqual([]);
    expect(await lab.restore({ overwrite: true })).toMatchObject({
      outcome: "equal",
      counts: { sent: 1, overwritten: 1 },
    });
    expect(await state(lab.target, lab.storage)).toEqual(await state(lab.source, lab.sourceStorage));
  });

  test("write nothing in a dry run, and say what would be sent", async () => {
    const result = await lab.restore({ dryRun: true });
    expect(result).toMatchObject({ outcome: "dry-run", counts: { chosen: 60, sent: 60 } });
    expect(await buckets(lab.target)).toEqual([]);
    expect(lab.sentKeys()).toEqual([]);
  });

  test("travel in parts where they are large, and are known again by their bytes", async () => {
    const other = await createProject(superuserUrl, `files_large_${process.pid}`);
    await using large = await startStorage(other);
    await seedFiles(other, large, { count: 2, bytes: 24_000_000, seed: 8 });
    const big = await snapshotOf(other, large);
    expect(Math.max(...(await state(other, large)).map(({ bytes }) => bytes))).toBeGreaterThan(inOneRequest);
    expect(await lab.restore({ snapshot: big })).toMatchObject({ outcome: "equal", counts: { sent: 2 } });
    expect(lab.storage.answered.filter(({ operation }) => operation === "UploadPart").length).toBeGreaterThan(1);
    lab.storage.answered.length = 0;
    expect(await lab.restore({ snapshot: big })).toMatchObject({ outcome: "equal", counts: { sent: 0, present: 2 } });
    expect(lab.storage.answered.map(({ operation }) => operation)).not.toContain("CreateMultipartUpload");
  });

  test("can be chosen by bucket, prefix, owner and list", async () => {
    const result = await lab.restore({ choice: { ...everyFile, buckets: ["exam-files"], prefix: "plain/" } });
    expect(result.counts.sent).toBe(1);
    expect((await buckets(lab.target)).map(({ id }) => id)).toEqual(["exam-files"]);
  });

  test("pass limits that would refuse them, which are back afterwards", async () => {
    await lab.restore();
    const limits = "file_size_limit = 5, allowed_mime_types = array['text/html']";
    await execute(
      lab.target.postgresUrl,
      `update storage.buckets set ${limits}; set storage.allow_delete_query = 'true'; delete from storage.objects`,
    );
    const before = await buckets(lab.target);
    const result = await lab.restore();
    expect(result).toMatchObject({ outcome: "equal", counts: { sent: 60 } });
    expect([...result.limitsLifted].sort()).toEqual(["exam-files", "processed-results", "student-submissions"]);
    expect(await buckets(lab.target)).toEqual(before);
  });
});
