import { Readable } from "node:stream";
import { GetObjectCommand, HeadObjectCommand, NoSuchKey, type S3Client } from "@aws-sdk/client-s3";
import type { Vault } from "./client.ts";
import { getObject, headObject } from "./objects.ts";

/** An object as it would be: other bytes, or other metadata, or gone (`null`). */
export type Change = { readonly body: Uint8Array; readonly metadata?: Readonly<Record<string, string>> } | null;

/**
 * The same vault, in which some objects are others. Nothing is written anywhere: whoever reads the result sees what somebody who can write
 * the bucket could have made of it. It is read-only.
 * @param changes by key
 */
export function overlaid(vault: Vault, changes: ReadonlyMap<string, Change>): Vault {
  const transport: Vault["transport"] = {
    ...vault.transport,
    request: (request, attempt) =>
      vault.transport.request(request, (with_) => attempt({ ...with_, client: changed(with_.client, changes) })),
  };
  return {
    ...vault,
    readOnly: true,
    transport,
    put: () => Promise.reject(new Error("A vault with changes laid over it is only read.")),
    get: (key, options) => getObject(transport, key, options),
    head: (key, versionId) => headObject(transport, key, versionId),
  };
}

function changed(client: S3Client, changes: ReadonlyMap<string, Change>): S3Client {
  const send = async (command: unknown, options: unknown): Promise<unknown> => {
    const reads = command instanceof GetObjectCommand || command instanceof HeadObjectCommand;
    const change = reads ? changes.get(command.input.Key ?? "") : undefined;
    // Its overloads cannot be told apart here; what is handed on is what the caller made for it.
    if (!reads || change === undefined) return Reflect.apply(client.send, client, [command, options]);
    if (change === null)
      throw new NoSuchKey({ message: "The specified key does not exist.", $metadata: { httpStatusCode: 404 } });
    const { body, metadata } = change;
    const { Bucket, Key } = command.input;
    const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
    const [, first = "0", last] =
      /^bytes=(\d+)-(\d+)$/.exec(("Range" in command.input && command.input.Range) || "") ?? [];
    const slice = body.subarray(Number(first), last === undefined ? undefined : Number(last) + 1);
    return {
      ...head,
      ...{ ContentLength: slice.length, Metadata: metadata ?? head.Metadata },
      ...(last !== undefined && { ContentRange: `bytes ${first}-${last}/${body.length}` }),
      ...(command instanceof GetObjectCommand && { Body: Readable.from([slice]) }),
    };
  };
  return Object.create(client, { send: { value: send } });
}
