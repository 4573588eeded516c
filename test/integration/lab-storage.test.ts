import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectTaggingCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProject, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import {
  contentOf,
  type RunningStorage,
  type SeedFile,
  seedFiles,
  startStorage,
  storageClient,
} from "../lab/storage/index.ts";

let project: LabProject;
let storage: RunningStorage;
let s3: S3Client;
let files: SeedFile[];

beforeAll(async () => {
  project = await createProject(sharedPostgres(17).superuserUrl(), `lab_storage_${process.pid}`);
  storage = await startStorage(project);
  s3 = storage.client();
  files = await seedFiles(project, storage, { count: 60, bytes: 300_000, seed: 3 });
});
afterAll(async () => {
  s3.destroy();
  await storage.stop();
});

async function row(bucket: string, name: string): Promise<Record<string, unknown>> {
  const found = await withClient(project.postgresUrl, (client) =>
    client.query<Record<string, unknown>>("select * from storage.objects where bucket_id = $1 and name = $2", [
      bucket,
      name,
    ]),
  );
  return found.rows[0] ?? {};
}

const put = (Key: string, Body: string, more: Partial<PutObjectCommand["input"]> = {}) =>
  s3.send(new PutObjectCommand({ Bucket: "processed-results", Key, Body, ...more }));

async function read(Bucket: string, Key: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

describe("the lab's storage, as Supabase's", () => {
  test("serves every seeded file, whatever its name, as it was planned", async () => {
    for (const file of files) {
      expect((await read(file.bucket, file.name)).equals(contentOf(file, 3)), file.name).toBe(true);
      const head = await s3.send(new HeadObjectCommand({ Bucket: file.bucket, Key: file.name }));
      expect(head).toMatchObject({
        ...{ ContentLength: file.bytes, ContentType: file.contentType, CacheControl: file.cacheControl },
      });
    }
  });

  test("takes the same files through the endpoint and has the same rows then", async () => {
    const other = await createProject(sharedPostgres(17).superuserUrl(), `lab_storage_sent_${process.pid}`);
    await using second = await startStorage(other);
    const { endpoint, region, accessKeyId, secretAccessKey } = second;
    await seedFiles(other, { endpoint, region, accessKeyId, secretAccessKey }, { count: 20, bytes: 100_000, seed: 3 });
    const columns = `bucket_id, name, owner_id, user_metadata, created_at, updated_at,
      metadata - 'lastModified' as metadata from storage.objects order by bucket_id, name`;
    const through = await withClient(other.postgresUrl, (client) => client.query(`select ${columns}`));
    const again = await createProject(sharedPostgres(17).superuserUrl(), `lab_storage_again_${process.pid}`);
    await using third = await startStorage(again);
    await seedFiles(again, third, { count: 20, bytes: 100_000, seed: 3 });
    const laid = await withClient(again.postgresUrl, (client) => client.query(`select ${columns}`));
    expect(through.rows).toEqual(laid.rows);
  });

  test("lists a thousand rows a page, in byte order", async () => {
    const many = await createProject(sharedPostgres(17).superuserUrl(), `lab_storage_many_${process.pid}`);
    await using server = await startStorage(many);
    const seeded = await seedFiles(many, server, { count: 3200, bytes: 32_000, seed: 1 });
    const client = server.client();
    const names: string[] = [];
    const pages: number[] = [];
    for (let token: string | undefined, more = true; more; ) {
      const page = await client.send(
        new ListObjectsV2Command({
          Bucket: "exam-files",
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      );
      pages.push(page.Contents?.length ?? 0);
      names.push(...(page.Contents ?? []).map(({ Key = "" }) => Key));
      token = page.NextContinuationToken;
      more = page.IsTruncated === true;
    }
    client.destroy();
    const planned = seeded.filter(({ bucket }) => bucket === "exam-files").map(({ name }) => name);
    expect(pages[0]).toBe(1000);
    expect(names).toEqual(planned.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  });

  test("refuses a wrong region and a wrong secret with SignatureDoesNotMatch", async () => {
    for (const change of [{ region: "us-east-1" }, { secretAccessKey: "another" }]) {
      const client = storageClient({ ...storage, ...change });
      await expect(client.send(new ListObjectsV2Command({ Bucket: "exam-files" }))).rejects.toMatchObject({
        name: "SignatureDoesNotMatch",
      });
      client.destroy();
    }
  });

  test("tells the row where the file is lost, and answers 500 to GET", async () => {
    await put("lost.pdf", "lost");
    await storage.files.remove(String((await row("processed-results", "lost.pdf"))["version"]));
    await expect(
      s3.send(new HeadObjectCommand({ Bucket: "processed-results", Key: "lost.pdf" })),
    ).resolves.toMatchObject({
      ContentLength: 4,
    });
    const get = s3.send(new GetObjectCommand({ Bucket: "processed-results", Key: "lost.pdf" }));
    await expect(get).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } });
  });

  test("refuses keys that Supabase refuses", async () => {
    for (const key of ["نورة.pdf", "tilde~.pdf", "hash#.pdf", "100%.pdf", "a/../b.pdf"])
      await expect(put(key, "x"), key).rejects.toMatchObject({
        name: "InvalidKey",
        $metadata: { httpStatusCode: 400 },
      });
  });

  test("keeps id, created_at and owner of a row that is written over, and nothing else of it", async () => {
    const file = files.find(({ ownerId, userMetadata }) => ownerId !== null && userMetadata === null);
    if (file === undefined) throw new Error("the seed has such a file");
    const before = await row(file.bucket, file.name);
    const Metadata = { Exam: "7" };
    await s3.send(
      new PutObjectCommand({
        Bucket: file.bucket,
        Key: file.name,
        Body: "new",
        ContentType: "application/pdf",
        Metadata,
      }),
    );
    const after = await row(file.bucket, file.name);
    for (const kept of ["id", "created_at", "owner_id"]) expect(after[kept], kept).toEqual(before[kept]);
    expect(after["version"]).not.toBe(before["version"]);
    expect(after["user_metadata"]).toEqual({ exam: "7" });
    expect((await row("processed-results", "lost.pdf"))["owner_id"]).toBeNull();
  });

  test("pays no heed to checksums and conditions", async () => {
    await put("over.pdf", "first");
    await put("over.pdf", "second", { IfNoneMatch: "*", ChecksumSHA256: Buffer.alloc(32).toString("base64") });
    expect((await read("processed-results", "over.pdf")).toString()).toBe("second");
  });

  test("destroys files when it is sent what it does not know, and tells who did", async () => {
    await put("tagged.pdf", "content");
    const at = { Bucket: "processed-results", Key: "tagged.pdf" };
    await s3.send(new PutObjectTaggingCommand({ ...at, Tagging: { TagSet: [{ Key: "a", Value: "b" }] } }));
    expect((await read(at.Bucket, at.Key)).toString()).toContain("<Tagging");
    await s3.send(new DeleteObjectTaggingCommand(at));
    await expect(s3.send(new HeadObjectCommand(at))).rejects.toMatchObject({ name: "NotFound" });
    expect(storage.answered.filter(({ misunderstood }) => misunderstood === "tagging")).toHaveLength(2);
  });

  test("holds a bucket's limits", async () => {
    const into = (ContentType: string, Body: Buffer | string) =>
      s3.send(new PutObjectCommand({ Bucket: "student-submissions", Key: "limits.pdf", ContentType, Body }));
    await expect(into("video/mp4", "x")).rejects.toMatchObject({ $metadata: { httpStatusCode: 415 } });
    await withClient(project.postgresUrl, (client) =>
      client.query("update storage.buckets set file_size_limit = 10 where id = 'student-submissions'"),
    );
    await expect(into("application/pdf", "more than ten bytes")).rejects.toMatchObject({
      $metadata: { httpStatusCode: 413 },
    });
  });

  test("joins parts, and keeps type and cache control of the beginning", async () => {
    const at = { Bucket: "processed-results", Key: "parts.bin" };
    const how = { ContentType: "video/mp4", CacheControl: "max-age=9" };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...at, ...how }));
    const pieces = [Buffer.alloc(5 * 1024 ** 2, 1), Buffer.alloc(1000, 2)];
    const Parts = [];
    for (const [index, Body] of pieces.entries()) {
      const part = { ...at, UploadId, PartNumber: index + 1, Body };
      const { ETag } = await s3.send(new UploadPartCommand(part));
      Parts.push({ ETag, PartNumber: index + 1 });
    }
    await s3.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }));
    expect((await read(at.Bucket, at.Key)).equals(Buffer.concat(pieces))).toBe(true);
    const head = await s3.send(new HeadObjectCommand(at));
    expect(head).toMatchObject({ ...how, ETag: expect.stringMatching(/-2"$/) });
  });

  test("fails as it is told, as often as it is told", async () => {
    await put("faults.bin", "0123456789");
    const at = { Bucket: "processed-results", Key: "faults.bin" };
    const patient = storageClient(storage);
    const endStorm = storage.inject({ kind: "slow-down", on: ({ operation }) => operation === "HeadObject", times: 1 });
    await patient.send(new HeadObjectCommand(at));
    expect(endStorm()).toBe(1);
    for (const [kind, expected] of [
      ["short-read", "01234"],
      ["corrupt", "1123456789"],
    ] as const) {
      const end = storage.inject({ kind, times: 1 });
      expect((await read(at.Bucket, at.Key)).toString(), kind).toBe(expected);
      end();
    }
    const endReset = storage.inject({ kind: "reset" });
    await expect(read(at.Bucket, at.Key)).rejects.toThrow();
    endReset();
    patient.destroy();
  });
});
