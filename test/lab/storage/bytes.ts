import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** What lies beside the bytes: GET tells these, HEAD and lists tell what the row says (observed). */
export interface Carried {
  readonly contentType: string;
  readonly cacheControl: string;
  readonly eTag: string;
  readonly writtenAt: string;
}

export interface Written {
  readonly bytes: number;
  readonly md5: string;
}

/** The bytes of a project's files: one file a version, whatever bucket and name the row gives it. */
export class FileBytes {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async open(): Promise<this> {
    await mkdir(this.folder, { recursive: true });
    return this;
  }

  path(version: string): string {
    if (!/^[\w-]+$/.test(version)) throw new Error(`not a version: ${version}`);
    return join(this.folder, version);
  }

  async write(version: string, content: AsyncIterable<Buffer>): Promise<Written> {
    const hash = createHash("md5");
    let bytes = 0;
    await pipeline(
      content,
      async function* (source: AsyncIterable<Buffer>) {
        for await (const chunk of source) {
          hash.update(chunk);
          bytes += chunk.length;
          yield chunk;
        }
      },
      createWriteStream(this.path(version)),
    );
    return { bytes, md5: hash.digest("hex") };
  }

  async carry(version: string, carried: Carried): Promise<void> {
    await writeFile(`${this.path(version)}.json`, JSON.stringify(carried));
  }

  /** undefined when the file is lost. */
  async find(version: string): Promise<{ bytes: number; carried: Carried } | undefined> {
    try {
      const { size } = await stat(this.path(version));
      const carried: Carried = JSON.parse(await readFile(`${this.path(version)}.json`, "utf8"));
      return { bytes: size, carried };
    } catch {
      return undefined;
    }
  }

  read(version: string, range?: { readonly start: number; readonly end: number }): Readable {
    return createReadStream(this.path(version), range);
  }

  async remove(version: string): Promise<void> {
    await rm(this.path(version), { force: true });
    await rm(`${this.path(version)}.json`, { force: true });
  }
}
