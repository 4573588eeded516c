import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { PassThrough, pipeline, type Readable, type Writable } from "node:stream";
import { OperationError } from "../../base/errors.ts";

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
 * Runs pg_dump and gives what it writes. The stream ends well only when pg_dump exited with 0: its end is held back until
 * then, so that nothing downstream can take a dump that broke off for a whole one.
 * What pg_dump says is not passed on, as the server's messages may carry rows; only an SQLSTATE-free class of it is told.
 *
 * @param what for messages, e.g. `the schema`
 * @throws OperationError `dump-failed`, or the signal's reason
 */
export async function* runPgDump(
  dump: PgDump,
  selection: readonly string[],
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  dump.signal.throwIfAborted();
  const child = spawn(dump.program, [...commonArguments(dump), ...selection], {
    env: { ...dump.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stderr = new Tail();
  child.stderr.on("data", (chunk: Buffer) => stderr.add(chunk));
  const ended = exit(child);
  dump.onStart?.(ended);
  const kill = (): void => void child.kill("SIGTERM");
  dump.signal.addEventListener("abort", kill, { once: true });
  if (dump.signal.aborted) kill();
  try {
    yield* child.stdout;
    const { code, signal } = await ended;
    dump.signal.throwIfAborted();
    if (code !== 0) throw dumpFailed(what, code, signal, stderr.text());
  } finally {
    dump.signal.removeEventListener("abort", kill);
    child.stdout.destroy();
    await reap(child, ended);
  }
}

/** pg_restore as a maker of SQL: it reads an archive and asks no server. */
type PgRestore = Pick<PgDump, "program" | "env" | "signal" | "onStart">;

/** What comes before the rows, and what after them: names sort around those of the rows. */
const sections = [
  { section: "pre-data", name: "01-schema.sql.zst.pgp" },
  { section: "post-data", name: "99-schema.sql.zst.pgp" },
] as const;

export const schemaSqlNames: readonly string[] = sections.map(({ name }) => name);

/**
 * Makes plain SQL of a schema dump that passes by. pg_restore reads all of it, which is a table of contents, before it writes
 * anything, and waits until somebody reads: nothing lies on a disk, and the server is asked for its schema once. To be
 * disposed of, read or not.
 */
export class SchemaSql implements AsyncDisposable {
  readonly parts: readonly { readonly name: string; sql(): AsyncGenerator<Uint8Array, void, undefined> }[];
  readonly #makers: readonly SectionMaker[];

  constructor(restore: PgRestore) {
    this.#makers = sections.map(({ section }) => new SectionMaker(restore, section));
    this.parts = this.#makers.map((maker, at) => ({ name: sections[at]?.name ?? "", sql: () => maker.sql() }));
  }

  /** The dump's own chunks. Each is handed on when it has been read here. */
  async *watch(dump: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of dump) {
      await Promise.all(this.#makers.map((maker) => maker.take(chunk)));
      yield chunk;
    }
    for (const maker of this.#makers) maker.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#makers.map((maker) => maker.close()));
  }
}

/** What pg_restore writes when it is done, and how much may follow: when that was, and `\unrestrict`. */
const lastLine = "-- PostgreSQL database dump complete";
const lastLineBytes = 300;

class SectionMaker {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #ended: Promise<Exit>;
  readonly #signal: AbortSignal;
  /** Node throws away what a child has written that ended before anybody read: here somebody reads from the start. */
  readonly #sql = new PassThrough();

  constructor({ program, env, signal, onStart }: PgRestore, section: string) {
    this.#signal = signal;
    // `--verbose` puts each entry's number, catalogue and OID above it, by which RECOVER.md knows what a target has already.
    this.#child = spawn(program, ["--verbose", `--section=${section}`, "--file=-"], {
      env: { ...env },
      stdio: ["pipe", "pipe", "ignore"],
      signal,
    });
    this.#ended = exit(this.#child);
    onStart?.(this.#ended);
    pipeline(this.#child.stdout, this.#sql, () => {});
    this.#child.stdin.on("error", () => {}); // how it ended tells why it reads no more
  }

  take(chunk: Uint8Array): Promise<void> {
    return new Promise((resolve) => void this.#child.stdin.write(chunk, () => resolve()));
  }

  end(): void {
    this.#child.stdin.end();
  }

  /** Ends well only when pg_restore exited with 0 and has written its last line. @throws OperationError `dump-failed`, or the signal's reason */
  async *sql(): AsyncGenerator<Uint8Array, void, undefined> {
    let end = Buffer.alloc(0);
    for await (const chunk of this.#sql) {
      end = Buffer.concat([end, chunk]).subarray(-lastLineBytes);
      yield chunk;
    }
    const { code, signal } = await this.#ended;
    this.#signal.throwIfAborted();
    const whole = end.includes(lastLine);
    if (code === 0 && whole) return;
    throw new OperationError(
      "dump-failed",
      `pg_restore could not make SQL of the schema dump (${signal ?? `exit code ${code}`}${whole ? "" : ", without its last line"}).`,
      "Run `lifeboat check`, then run the backup again; nothing of this run is visible in the vault.",
    );
  }

  close(): Promise<void> {
    return reap(this.#child, this.#ended);
  }
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
  [/invalid snapshot identifier|snapshot "[^"]*" does not exist/i, "the snapshot is gone"],
  [/no matching (tables|schemas)/i, "a table is gone"],
  [/server version mismatch/i, "the client is older than the server"],
  [/unrecognized option|invalid option/i, "this pg_dump does not know an option"],
];

function dumpFailed(what: string, code: number | null, signal: string | null, stderr: string): OperationError {
  const kind = kinds.find(([words]) => words.test(stderr))?.[1];
  const ending = signal === null ? `exit code ${code}` : signal;
  return new OperationError(
    "dump-failed",
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
