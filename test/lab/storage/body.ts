import type { IncomingMessage } from "node:http";
import { StorageError } from "./answer.ts";

/** What a client sends, without the frames of `aws-chunked`; the checksums in its trailers count for nothing (observed). */
export async function* bodyOf(request: IncomingMessage): AsyncGenerator<Buffer, void, undefined> {
  const chunked = String(request.headers["x-amz-content-sha256"] ?? "").startsWith("STREAMING-");
  if (chunked) yield* unframed(request);
  else for await (const chunk of request) yield Buffer.from(chunk);
}

export async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of bodyOf(request)) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** Bytes that the client says it sends, frames apart; undefined when it does not say. */
export function declaredBytes(request: IncomingMessage): number | undefined {
  const { headers } = request;
  const framed = String(headers["x-amz-content-sha256"] ?? "").startsWith("STREAMING-");
  const told = framed ? headers["x-amz-decoded-content-length"] : headers["content-length"];
  return told === undefined ? undefined : Number(told);
}

async function* unframed(request: IncomingMessage): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer = Buffer.alloc(0);
  /** Bytes left of the chunk that is being read; -2 more for its line end. */
  let left = 0;
  for await (const piece of request) {
    held = held.length === 0 ? Buffer.from(piece) : Buffer.concat([held, Buffer.from(piece)]);
    for (;;) {
      if (left > 0) {
        const taken = held.subarray(0, left);
        if (taken.length === 0) break;
        yield taken;
        left -= taken.length;
        held = held.subarray(taken.length);
        continue;
      }
      const lineEnd = held.indexOf("\r\n");
      if (lineEnd < 0) break;
      const line = held.subarray(0, lineEnd).toString("latin1");
      held = held.subarray(lineEnd + 2);
      if (line === "") continue;
      const size = /^([0-9a-f]+)(;.*)?$/i.exec(line)?.[1];
      if (size === undefined) {
        if (line.includes(":")) continue;
        throw new StorageError(400, "InvalidRequest", "a chunk without its size");
      }
      left = Number.parseInt(size, 16);
    }
  }
  if (left > 0) throw new StorageError(400, "InvalidRequest", "the body ends too early");
}
