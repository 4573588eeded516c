import { createHash, randomUUID } from "node:crypto";
import { StorageError, sendXml, textsOf } from "./answer.ts";
import { bodyOf, textOf } from "./body.ts";
import type { Exchange } from "./call.ts";
import { checkKey, checkMimeType, checkSize } from "./limits.ts";
import { type Place, record, type Told, toldBy } from "./objects.ts";

interface Part {
  readonly version: string;
  readonly bytes: number;
  readonly md5: string;
}

interface Upload {
  readonly bucket: string;
  readonly name: string;
  readonly told: Told;
  readonly parts: Map<number, Part>;
}

/** Uploads in parts that have begun and are neither completed nor given up. */
export class Uploads {
  readonly #open = new Map<string, Upload>();
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  get size(): number {
    return this.#open.size;
  }

  async create(exchange: Exchange): Promise<void> {
    const { call, response } = exchange;
    const bucket = await this.#place.rows.bucket(call.bucket);
    const told = toldBy(exchange);
    checkKey(call.key);
    checkMimeType(told.contentType, bucket, call.key);
    const UploadId = randomUUID();
    this.#open.set(UploadId, { bucket: call.bucket, name: call.key, told, parts: new Map() });
    sendXml(response, 200, { InitiateMultipartUploadResult: { Bucket: call.bucket, Key: call.key, UploadId } });
  }

  async part({ call, request, response }: Exchange): Promise<void> {
    const upload = this.#find(call.query.get("uploadId"));
    const version = randomUUID();
    const written = await this.#place.files.write(version, bodyOf(request));
    const number = Number(call.query.get("partNumber"));
    const others = [...upload.parts].filter(([one]) => one !== number).reduce((sum, [, { bytes }]) => sum + bytes, 0);
    checkSize(others + written.bytes, await this.#place.rows.bucket(call.bucket), call.key);
    upload.parts.set(number, { version, ...written });
    response.writeHead(200, { etag: `"${written.md5}"` }).end();
  }

  async complete({ call, request, response }: Exchange): Promise<void> {
    const id = call.query.get("uploadId");
    const upload = this.#find(id);
    const numbers = textsOf(await textOf(request), "PartNumber").map(Number);
    const parts = numbers.map((number) => {
      const part = upload.parts.get(number);
      if (part === undefined) throw new StorageError(400, "InvalidPart", "a part was never uploaded");
      return part;
    });
    const { files, rows } = this.#place;
    const version = randomUUID();
    const { bytes } = await files.write(
      version,
      (async function* () {
        for (const part of parts) yield* files.read(part.version);
      })(),
    );
    const whole = createHash("md5");
    for (const { md5 } of parts) whole.update(Buffer.from(md5, "hex"));
    const eTag = `"${whole.digest("hex")}-${parts.length}"`;
    await record(this.#place, await rows.bucket(call.bucket), upload.name, version, eTag, bytes, upload.told);
    await this.#forget(id);
    const { bucket: Bucket, name: Key } = upload;
    sendXml(response, 200, {
      CompleteMultipartUploadResult: { Location: `${Bucket}/${Key}`, Bucket, Key, ETag: eTag },
    });
  }

  async abort({ call, response }: Exchange): Promise<void> {
    this.#find(call.query.get("uploadId"));
    await this.#forget(call.query.get("uploadId"));
    response.writeHead(200).end();
  }

  list({ call, response }: Exchange): void {
    const parts = [...this.#find(call.query.get("uploadId")).parts].map(([PartNumber, { bytes, md5 }]) => ({
      ...{ PartNumber, Size: bytes },
      ETag: `"${md5}"`,
    }));
    const names = { Bucket: call.bucket, Key: call.key, UploadId: call.query.get("uploadId") };
    sendXml(response, 200, { ListPartsResult: { ...names, IsTruncated: false, Part: parts } });
  }

  #find(id: string | null): Upload {
    const upload = this.#open.get(id ?? "");
    if (upload === undefined) throw new StorageError(404, "NoSuchUpload", "Upload not found");
    return upload;
  }

  async #forget(id: string | null): Promise<void> {
    const upload = this.#open.get(id ?? "");
    this.#open.delete(id ?? "");
    for (const { version } of upload?.parts.values() ?? []) await this.#place.files.remove(version);
  }
}
