import type { Client } from "pg";
import { describeCode, OperationError } from "../../../base/errors.ts";
import { counted } from "../../../base/flow/chunks.ts";
import type { Track } from "../../../base/log.ts";
import type { LargeObjectBlock } from "../../../postgres/dump/archive/data.ts";
import type { Journal } from "../target/journal.ts";

/** A block of large objects is one transaction: the objects and the note of them are there together or not at all. */
export async function loadLargeObjects(
  journal: Journal,
  client: Client,
  block: LargeObjectBlock,
  track: Track,
): Promise<void> {
  const item = `large objects ${block.entry.dumpId}`;
  if (journal.isDone(item)) return;
  await client.query("begin");
  try {
    for await (const object of block.objects()) {
      track.note(`large object ${object.oid}`);
      await loadLargeObject(
        client,
        object.oid,
        counted(object.chunks(), (bytes) => track.advance({ bytes })),
      );
    }
    await journal.note(client, item);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

const writeBytes = 1_048_576;

/**
 * Creates one large object under its own OID and fills it, 1 MiB a call. Owner, grants and comment follow with those of
 * all objects.
 *
 * @throws OperationError `large-object-failed`
 */
export async function loadLargeObject(client: Client, oid: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await client.query("select lo_create($1::oid)", [oid]);
    let offset = 0;
    let waiting: Uint8Array[] = [];
    let size = 0;
    const flush = async (): Promise<void> => {
      if (size === 0) return;
      await client.query("select lo_put($1::oid, $2::int8, $3::bytea)", [oid, String(offset), Buffer.concat(waiting)]);
      offset += size;
      waiting = [];
      size = 0;
    };
    for await (const chunk of chunks) {
      waiting.push(chunk);
      size += chunk.length;
      if (size >= writeBytes) await flush();
    }
    await flush();
  } catch (error) {
    if (error instanceof OperationError) throw error;
    throw new OperationError(
      "large-object-failed",
      `Large object ${oid} could not be written to the target (${describeCode(error)}).`,
      "Empty the target and restore again.",
    );
  }
}
