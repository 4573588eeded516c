import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { OperationError } from "../../base/errors.ts";
import { quoteIdentifier } from "../identifier.ts";
import type { Inventory } from "../inventory/model.ts";
import { isVaultSecrets } from "../inventory/vault-secrets.ts";
import { openChildOutput } from "./child-output.ts";
import type { DumpGroup } from "./dump-plan.ts";

export interface PgDump {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  readonly snapshot: string;
  readonly lockWaitSeconds: number;
  /** Kills the process; the stream then fails with the signal's reason. */
  readonly signal: AbortSignal;
  /** Told of the process: settles when it has ended. */
  readonly onStart?: (ended: Promise<unknown>) => void;
}

/** Custom format, uncompressed: compression is ours, the same for every version of pg_dump. */
function commonArguments(dump: PgDump): string[] {
  return [
    "--format=custom",
    "--compress=0",
    `--snapshot=${dump.snapshot}`,
    `--lock-wait-timeout=${Math.ceil(dump.lockWaitSeconds * 1000)}`,
    "--no-password",
  ];
}

/** Everything but rows: all schemas, owners, privileges, policies, publications, subscriptions. */
export function schemaArguments(): string[] {
  return ["--schema-only"];
}

/**
 * Everything as plain SQL. `--verbose` puts each entry's number, catalogue and OID into comments, by which the SQL can be
 * compared with the catalogue and taken apart again (postgres/dump/plain).
 */
export function plainArguments({ tables }: Pick<Inventory, "tables">): string[] {
  return ["--format=plain", "--verbose", "--encoding=UTF8", ...withoutSecrets(tables)];
}

/** @param others tables of the other groups, which `rest` leaves out @param all the database's */
export function groupArguments(
  group: DumpGroup,
  others: readonly { readonly schema: string; readonly name: string }[],
  all: Inventory["tables"],
): string[] {
  if (group.selection === "large-objects") return ["--data-only", "--blobs", "--exclude-schema=*"];
  const tables = group.selection === "only" ? group.tables : others;
  const option = group.selection === "only" ? "--table" : "--exclude-table";
  const named = patterns(tables).map((pattern) => `${option}=${pattern}`);
  return ["--data-only", "--no-blobs", ...named, ...(group.selection === "rest" ? withoutSecrets(all) : [])];
}

/** pg_dump would take Vault's secrets along: their extension says so. */
function withoutSecrets(tables: Inventory["tables"]): string[] {
  return patterns(tables.filter(isVaultSecrets)).map((pattern) => `--exclude-table-data=${pattern}`);
}

/** So many names go into one pattern: each pattern costs a query, and a longer expression the server's regex compiler. */
const namesPerPattern = 100;

/**
 * Patterns for all of the tables: one schema, and names with `|` between them, which outside of quotes is the regular
 * expression's. One option a table would pass what a command line may hold (2 MB) at about 15,000 tables.
 */
function patterns(tables: readonly { readonly schema: string; readonly name: string }[]): string[] {
  return [...Map.groupBy(tables, ({ schema }) => schema)].flatMap(([schema, some]) => {
    const names = some.map(({ name }) => pattern(name));
    const batches = Math.ceil(names.length / namesPerPattern);
    return Array.from({ length: batches }, (_, batch) => {
      const from = batch * namesPerPattern;
      return `${pattern(schema)}.${names.slice(from, from + namesPerPattern).join("|")}`;
    });
  });
}

/** A name that stands for itself in pg_dump's patterns: within double quotes nothing else is special. */
function pattern(name: string): string {
  return quoteIdentifier(name);
}

/**
 * Runs pg_dump and gives what it writes. The stream ends well only when pg_dump exited with 0: its end is held back until
 * then, so that nothing downstream can take a dump that broke off for a whole one. A chunk is valid only until the next
 * but one is asked for.
 * What pg_dump says is not passed on, as the server's messages may carry rows; only an SQLSTATE-free class of it is told.
 *
 * @param what for messages, e.g. `the schema`
 * @param memory where the output is to be put, of `childOutputBytes`; not to be used for another dump before this one ended
 * @throws OperationError `dump-failed`, or the signal's reason
 */
export async function* runPgDump(
  dump: PgDump,
  selection: readonly string[],
  what: string,
  memory?: Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  dump.signal.throwIfAborted();
  const output = await openChildOutput(memory);
  const [program, ...args] = [...inLargePieces(), dump.program, ...commonArguments(dump), ...selection];
  const child = spawn(program, args, {
    env: { ...dump.env },
    stdio: ["ignore", output.childEnd, "pipe"],
  });
  output.childEnd.destroy();
  const stderr = new Tail();
  child.stderr?.on("data", (chunk: Buffer) => stderr.add(chunk));
  const ended = exit(child);
  dump.onStart?.(ended);
  const kill = (): void => void child.kill("SIGTERM");
  dump.signal.addEventListener("abort", kill, { once: true });
  if (dump.signal.aborted) kill();
  try {
    yield* output.chunks();
    const { code, signal } = await ended;
    dump.signal.throwIfAborted();
    if (code !== 0) throw dumpFailed(what, code, signal, stderr.text());
  } finally {
    dump.signal.removeEventListener("abort", kill);
    output.close();
    await reap(child, ended);
  }
}

/** GNU coreutils have it here on every Linux; elsewhere pg_dump runs without. */
const stdbuf = "/usr/bin/stdbuf";

/**
 * pg_dump writes 4 KiB at a time into a pipe or socket, a system call and often a change of process for each: with 256 KiB,
 * a dump of 1 GB takes a second of CPU time less on both sides together. It becomes pg_dump: same process, same exit code.
 */
function inLargePieces(): [] | [string, string] {
  return existsSync(stdbuf) ? [stdbuf, "--output=256K"] : [];
}

interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

async function exit(child: ChildProcess): Promise<Exit> {
  try {
    const [code, signal] = await once(child, "close");
    return { code, signal };
  } catch {
    return { code: null, signal: "not started" };
  }
}

/** No child outlives its stream: asked to end, then made to. */
async function reap(child: ChildProcess, ended: Promise<Exit>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
  const force = setTimeout(() => child.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(force);
}

/** What the server says of a row of more than 1 GB of text (mcxt.c, stringinfo.c). */
const tooLong = /invalid memory alloc request size|cannot enlarge string buffer|string buffer exceeds maximum/i;

/** Kinds of failure that can be told from pg_dump's words without repeating any of them. */
const kinds: readonly [RegExp, string][] = [
  [/lock timeout|could not obtain lock|canceling statement due to lock/i, "a lock did not come in time"],
  [/statement timeout/i, "a statement timed out"],
  [/out of shared memory/i, "the server's lock table is full, raise max_locks_per_transaction"],
  [/permission denied/i, "permission denied"],
  [/row-level security|row security/i, "a policy would have hidden rows"],
  [
    /server closed the connection|connection to server|terminating connection|SSL SYSCALL|could not receive data/i,
    "the connection was lost",
  ],
  [tooLong, "a value is too long to be written as text"],
  [/invalid snapshot identifier/i, "the snapshot is gone"],
  [/no matching (tables|schemas)/i, "a table is gone"],
  [/server version mismatch/i, "the client is older than the server"],
  [/unrecognized option|invalid option/i, "this pg_dump does not know an option"],
];

function dumpFailed(what: string, code: number | null, signal: string | null, stderr: string): OperationError {
  const kind = kinds.find(([words]) => words.test(stderr))?.[1];
  const failure = tooLong.test(stderr) ? "dump-row-too-long" : "dump-failed";
  const ending = signal === null ? `exit code ${code}` : signal;
  return new OperationError(
    failure,
    `pg_dump of ${what} failed (${ending}${kind === undefined ? "" : `: ${kind}`}).`,
    "Run `lifeboat check`, then run the backup again; nothing of this run is visible in the vault.",
  );
}

/** The end of what was said, bounded. */
class Tail {
  #text = "";

  add(chunk: Buffer): void {
    this.#text = (this.#text + chunk.toString("utf8")).slice(-16_384);
  }

  text(): string {
    return this.#text;
  }
}
