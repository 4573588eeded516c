import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { toolFolder } from "../../../scripts/setup/cache.mjs";
import { postgres15, postgres17 } from "../../../scripts/setup/pins.mjs";
import { type Account, handOver, readableTree, serverAccount } from "./account.ts";
import { offerExtensions } from "./extensions.ts";
import { type Guardian, startGuardian } from "./guardian.ts";
import { freePorts } from "./ports.ts";

export interface PostgresOptions {
  /** The bootstrap superuser; default: `lab_superuser`, so that the lab can make Supabase's roles as it has them. */
  readonly superuser?: string;
  /** postgresql.conf settings beside ours. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines of pg_hba.conf before ours, which ask everybody on the loopback for a password (scram-sha-256). */
  readonly hba?: readonly string[];
  /** PEM of the server's certificate and key: TLS is then offered. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Instead of a new cluster: one whose files are there. `fill` puts them into `folder`; superuser and password are theirs. */
  readonly from?: { readonly password: string; readonly port: number; fill(folder: string): Promise<void> };
}

/** A cluster of our own on the loopback, in a temporary folder, gone when it is stopped or we are. */
export interface RunningPostgres {
  readonly major: 15 | 17;
  readonly port: number;
  readonly superuser: string;
  readonly password: string;
  /** Folder with psql, pg_dump and the server, all of the cluster's version. */
  readonly binDir: string;
  /** The server's log; full of rows and names, for debugging only. */
  readonly logFile: string;
  readonly pid: number;
  /** Connection string of the superuser for database `db`, default: `postgres`. */
  superuserUrl(db?: string): string;
  stop(): Promise<void>;
  /** Leaves it running after we are gone; returns the path of the script that ends it. */
  leave(): string;
}

const run = promisify(execFile);

/** Durability is nothing that a throw-away cluster needs; logical WAL is what Supabase has. */
const labSettings = {
  listen_addresses: "127.0.0.1",
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  wal_level: "logical",
  max_connections: "200",
  shared_buffers: "128MB",
  max_wal_size: "512MB",
  max_locks_per_transaction: "256",
  password_encryption: "scram-sha-256",
  timezone: "UTC",
};

/** @param major of the server: the pinned minor of it is started */
export async function startPostgres(major: 15 | 17, options: PostgresOptions = {}): Promise<RunningPostgres> {
  const guardian = startGuardian(`postgres-${major}`);
  try {
    return await startIn(guardian, major, options);
  } catch (error) {
    await guardian.finish();
    throw error;
  }
}

async function startIn(guardian: Guardian, major: 15 | 17, options: PostgresOptions): Promise<RunningPostgres> {
  const account = serverAccount();
  const superuser = options.superuser ?? "lab_superuser";
  const password = options.from?.password ?? randomBytes(12).toString("hex");
  handOver(guardian.folder, account);
  const tree = toolFolder(major === 17 ? postgres17 : postgres15);
  offerExtensions(tree);
  const binDir = join(readableTree(tree, guardian.folder, account), "bin");
  const data = join(guardian.folder, "data");
  if (options.from !== undefined) await options.from.fill(data);
  else await initialize({ major, binDir, data, superuser, password, folder: guardian.folder, account });
  writeTls(data, options, account);
  const hba = [...(options.hba ?? []), "local all all scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256"];
  writeFileSync(join(data, "pg_hba.conf"), `${hba.join("\n")}\n`);

  const logFile = join(guardian.folder, "server.log");
  for (let attempt = 1; ; attempt++) {
    const port = options.from?.port ?? (await freePorts(1))[0] ?? 0;
    const tls: Record<string, string> = options.tls === undefined ? {} : { ssl: "on" };
    const settings = { ...labSettings, unix_socket_directories: guardian.folder, ...tls, ...options.settings };
    const flags = Object.entries({ ...settings, port: String(port) }).flatMap(([name, value]) => [
      "-c",
      `${name}=${value}`,
    ]);
    const log = openSync(logFile, "a");
    const server = spawn(join(binDir, "postgres"), ["-D", data, ...flags], {
      ...account,
      cwd: guardian.folder,
      detached: true,
      stdio: ["ignore", log, log],
    });
    guardian.watch(server.pid ?? 0, "QUIT");
    if (await becomesReady(server, data)) {
      server.unref();
      return {
        major,
        port,
        superuser,
        password,
        binDir,
        logFile,
        pid: server.pid ?? 0,
        superuserUrl: (db = "postgres") =>
          `postgresql://${superuser}:${password}@127.0.0.1:${port}/${encodeURIComponent(db)}`,
        stop: () => guardian.finish(),
        leave: () => guardian.leave(),
      };
    }
    const said = readFileSync(logFile, "utf8");
    if (attempt === 5 || !said.includes("could not bind")) {
      throw new Error(`PostgreSQL ${major} did not start:\n${said.slice(-2000)}`);
    }
  }
}

interface Initialization {
  readonly major: number;
  readonly binDir: string;
  readonly data: string;
  readonly superuser: string;
  readonly password: string;
  readonly folder: string;
  readonly account: Account;
}

async function initialize({
  major,
  binDir,
  data,
  superuser,
  password,
  folder,
  account,
}: Initialization): Promise<void> {
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, password, { mode: 0o644 });
  const who = ["-U", superuser, `--pwfile=${passwordFile}`, "-A", "scram-sha-256"];
  const how = ["--no-sync", "-E", "UTF8", "--locale=C.UTF-8"];
  // Each session of a test proves a password: its 4096 rounds are a third of what a connection costs.
  const quick = major >= 16 ? ["-c", "scram_iterations=1"] : [];
  await run(join(binDir, "initdb"), ["-D", data, ...who, ...how, ...quick], { ...account, cwd: folder });
}

function writeTls(data: string, { tls }: PostgresOptions, account: Account): void {
  if (tls === undefined) return;
  for (const [name, text] of [
    ["server.crt", tls.certificate],
    ["server.key", tls.key],
  ] as const) {
    const path = join(data, name);
    writeFileSync(path, text, { mode: 0o600 });
    handOver(path, account, 0o600);
  }
}

/** The last line of postmaster.pid says `ready` once connections are accepted. */
async function becomesReady(server: ChildProcess, data: string): Promise<boolean> {
  const state = join(data, "postmaster.pid");
  for (let waited = 0; waited < 60_000; waited += 20) {
    if (server.exitCode !== null || server.signalCode !== null) return false;
    if (existsSync(state) && /^ready\s*$/m.test(readFileSync(state, "utf8"))) return true;
    await sleep(20);
  }
  return false;
}
