import { createHash } from "node:crypto";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { bufferUsed } from "../../base/collector.ts";
import { OperationError } from "../../base/errors.ts";
import { bodyOf } from "./objects.ts";
import { readAnswer } from "./store-answer.ts";
import type { Transport } from "./transport.ts";

/** A part of an object, as the manifest describes it. */
export interface Range {
  readonly key: string;
  /** Where the part begins, and how much it is, in bytes. */
  readonly offset: number;
  readonly bytes: number;
  /** Size of the whole object. */
  readonly objectBytes: number;
}

/**
 * Why what the store holds is not what was expected, e.g. `is missing`. Its message completes a sentence that begins with
 * the object's name.
 */
export class Unlike extends OperationError {
  /** @param how e.g. `is missing` */
  constructor(how: string) {
    super("stored-unlike", how);
  }
}

/**
 * Reads one part and hashes it. The bytes also go into `into`, when given: they are worth something only if the returned
 * hash is the expected one.
 * @returns SHA-256 in hex of exactly `range.bytes` bytes
 * @throws Unlike when the object is missing, shorter or longer than it should be; OperationError `s3-unavailable`
 */
export async function readRange(
  transport: Transport,
  range: Range,
  options: { into?: Buffer | undefined; signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const { key, offset, bytes, objectBytes } = range;
  const last = offset + bytes - 1;
  const request = { operation: "GetObject", key, signal: options.signal };
  return await transport.request(request, async ({ client, bucket, watch }) => {
    const command = new GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=${offset}-${last}` });
    const answer = await client.send(command, { abortSignal: watch.signal }).catch((error: unknown) => {
      const { verdict, status } = readAnswer(error);
      if (verdict === "missing") throw new Unlike("is missing");
      if (status === 416) throw new Unlike(`is shorter than ${objectBytes} bytes`);
      throw error;
    });
    const total = Number(/\/(\d+)$/.exec(answer.ContentRange ?? "")?.[1] ?? answer.ContentLength);
    if (total !== objectBytes) {
      watch.abandon();
      throw new Unlike(`has ${total} bytes instead of ${objectBytes}`);
    }
    const hash = createHash("sha256");
    let got = 0;
    for await (const chunk of bodyOf(answer.Body)) {
      if (got + chunk.byteLength > bytes) {
        watch.abandon();
        throw new Unlike("answers with more than was asked for");
      }
      hash.update(chunk);
      options.into?.set(chunk, got);
      got += chunk.byteLength;
      bufferUsed(chunk.byteLength);
      watch.moved();
    }
    if (got !== bytes) throw new Error("the answer broke off");
    return hash.digest("hex");
  });
}
