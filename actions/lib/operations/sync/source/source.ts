import type { Client } from "pg";
import { OperationError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import type { ConnectionSettings } from "../../../config/connection-url.ts";
import { connect } from "../../../postgres/connect/connect.ts";
import { attachSnapshot } from "../../../postgres/snapshot/snapshot.ts";
import { StoreFailure, saidIn } from "../../../s3/store-errors.ts";
import { openCatalogue } from "../../../storage/catalogue.ts";
import type { ProjectFiles } from "../../../storage/project-files.ts";
import { type Bucket, bareEtag, type ShardSum, type SourceRow } from "../../../storage/rows.ts";
import { type Head, pathOf, shardOf } from "../../../vault/format/snapshot-manifest.ts";
import type { LookUp } from "./judge.ts";
import type { Tally } from "./tally.ts";

/** The list of the project's files at one moment, wherever it comes from. */
export interface SyncSource extends AsyncDisposable {
  readonly list: "database" | "endpoint";
  readonly takenAt: Date;
  readonly buckets: readonly Bucket[];
  readonly policies: Head["policies"];
  /** What the sums are over; sums over something else cannot be compared. */
  readonly sumsOver: string;
  /** How many files there are; undefined where only the sums tell. */
  readonly files: number | undefined;
  /** Undefined where there are none to be had: then every shard has to be looked at. */
  sums(shards: number): Promise<ShardSum[] | undefined>;
  /** Rows shard by shard, in the shards' order; a shard without rows does not come. */
  rows(shards: number, only?: readonly number[]): AsyncGenerator<{ shard: number; rows: SourceRow[] }>;
  readonly lookUp: LookUp;
}

export interface DatabaseSourceOptions {
  readonly settings: ConnectionSettings;
  /** Ids of buckets; undefined: all. */
  readonly buckets: readonly string[] | undefined;
  /** An exported snapshot to read under; without it the source takes one of its own. */
  readonly snapshot?: { readonly id: string; readonly takenAt: Date } | undefined;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** The list as `storage.objects` has it, under one snapshot. */
export async function openDatabaseSource(options: DatabaseSourceOptions): Promise<SyncSource> {
  const { settings, buckets, snapshot, signal, log } = options;
  const open = (purpose: string): Promise<Client> =>
    connect(settings, { applicationName: `lifeboat/${purpose}`, signal, log });
  const client = await open("sync");
  const sessions = [client];
  // Ends a query that is under way, too: a run that stops must not wait for the longest one.
  signal.addEventListener("abort", () => void hangUp(sessions), { once: true });
  try {
    if (snapshot === undefined) {
      await client.query("begin isolation level repeatable read read only");
      await client.query("set local row_security = off");
    } else await attachSnapshot(client, snapshot.id);
    const catalogue = await openCatalogue(client, buckets);
    const takenAt = snapshot?.takenAt ?? new Date();
    const [found, policies] = [await catalogue.buckets(), await catalogue.policies()];
    let beside: Promise<(bucket: string, name: string) => Promise<SourceRow | undefined>> | undefined;
    let turn: Promise<unknown> = Promise.resolve();
    /** Outside the snapshot: what a file is now. Opened only when something does not fit. */
    const openBeside = async () => {
      const second = await open("sync beside");
      sessions.push(second);
      return (await openCatalogue(second, buckets)).row;
    };
    return {
      ...{ list: "database", takenAt, buckets: found, policies, sumsOver: catalogue.sumsOver, files: undefined },
      sums: (shards) => catalogue.sums(shards),
      rows: (shards, only) => catalogue.rows(shards, only),
      lookUp(bucket, name) {
        beside ??= openBeside();
        const asking = beside;
        // One query after the other: a session has no queue of its own.
        const answer = turn.then(async () => (await asking)(bucket, name));
        turn = answer.catch(() => {});
        return answer;
      },
      [Symbol.asyncDispose]: () => hangUp(sessions),
    };
  } catch (error) {
    await hangUp(sessions);
    throw error;
  }
}

/** The list as the endpoint gives it, for whoever has no access to the database. It is held in memory. */
export async function openListedSource(
  endpoint: ProjectFiles,
  only: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<SyncSource> {
  const takenAt = new Date();
  const buckets = await bucketsOf(endpoint, only, signal);
  const all: SourceRow[] = [];
  for (const { id } of buckets) for await (const row of endpoint.list(id, signal)) all.push(row);
  return {
    ...{ list: "endpoint", takenAt, buckets, policies: [], sumsOver: "the endpoint's list", files: all.length },
    sums: async () => undefined,
    async *rows(shards, wanted) {
      const gathered = new Map<number, SourceRow[]>();
      for (const row of all) {
        const shard = shardOf(pathOf(row), shards);
        const rows = gathered.get(shard);
        if (rows === undefined) gathered.set(shard, [row]);
        else rows.push(row);
      }
      for (const shard of wanted ?? [...gathered.keys()].sort((a, b) => a - b)) {
        const rows = gathered.get(shard);
        gathered.delete(shard);
        if (rows !== undefined) yield { shard, rows };
      }
    },
    async lookUp(bucket, name) {
      const listed = all.find((row) => row.name === name && row.bucket === bucket);
      try {
        const head = await endpoint.head({ bucket, name }, signal);
        const [etag, rowBytes] = [bareEtag(head.etag), head.bytes ?? null];
        // The list's time and the answer's are written differently: the row stays as it was listed.
        if (listed?.etag === etag && listed.rowBytes === rowBytes) return listed;
        return {
          ...{ bucket, name, id: null, version: null, etag, rowBytes },
          ...{ mimetype: null, cacheControl: null, ownerId: null, owner: null, createdAt: null, updatedAt: null },
          ...{ lastModified: head.lastModified ?? null, userMetadata: null },
        };
      } catch (error) {
        if (!(error instanceof StoreFailure)) throw error;
        if (error.answer.status === 404) return undefined;
        // A name that the endpoint lists and does not take: its refusal of a HEAD has no code, that of the GET has.
        if (listed === undefined) throw error;
        return listed;
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** The endpoint tells the names of buckets and nothing of their limits. */
async function bucketsOf(
  endpoint: ProjectFiles,
  only: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<Bucket[]> {
  const names = await endpoint.buckets(signal);
  return names
    .filter((name) => only === undefined || only.includes(name))
    .sort()
    .map((name) => ({
      ...{ id: name, name, public: null, fileSizeLimit: null, allowedMimeTypes: null, owner: null, ownerId: null },
      ...{ createdAt: null, updatedAt: null, avifAutodetection: null, type: null },
    }));
}

async function hangUp(sessions: Client[]): Promise<void> {
  await Promise.allSettled(sessions.splice(0).map((client) => client.end()));
}

/**
 * Looks for files that the endpoint lists and the database has no row of. Supabase's own endpoint lists from the rows
 * (observed), so that it shows none; one in front of a plain store does. One that came after the list was read is no
 * orphan: the row of now decides.
 * @param rows every row of the list, by any order
 */
export async function findOrphans(
  endpoint: ProjectFiles,
  buckets: readonly Bucket[],
  rows: AsyncIterable<{ readonly rows: readonly SourceRow[] }>,
  lookUp: LookUp,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  const known = new Map<string, Set<string>>(buckets.map(({ id }) => [id, new Set()]));
  for await (const { rows: some } of rows) for (const { bucket, name } of some) known.get(bucket)?.add(name);
  for (const { id } of buckets) {
    try {
      for await (const file of endpoint.list(id, signal)) {
        if (known.get(id)?.has(file.name) || (await lookUp(id, file.name)) !== undefined) continue;
        tally.find("orphan", file, "the endpoint lists it, and there is no row");
      }
    } catch (error) {
      // A bucket that the endpoint does not have holds no file without a row.
      if (!(error instanceof StoreFailure)) throw error;
      if (error.answer.status !== 404) throw unlistable(id, error);
    }
  }
}

function unlistable(bucket: string, { answer }: StoreFailure): OperationError {
  return new OperationError(
    "source-unavailable",
    `The endpoint does not list bucket ${bucket}: ${saidIn(answer)}.`,
    "Look at the project's health, and run the audit again.",
  );
}
