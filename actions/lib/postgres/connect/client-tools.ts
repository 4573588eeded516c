import { execFile } from "node:child_process";
import { access, chmod, constants, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { ConfigurationError } from "../../base/errors.ts";
import type { ConnectionSettings } from "../../config/connection-url.ts";
import { type Environment, optional } from "../../config/environment.ts";
import { pinOptions, trustedRoots } from "./connect.ts";

/** One installation of PostgreSQL's client programs. */
export interface ClientTools {
  readonly folder: string;
  readonly pgDump: string;
  readonly pgRestore: string;
  readonly psql: string;
  readonly major: number;
  readonly minor: number;
  /** E.g. `17.11`. */
  readonly version: string;
}

const run = promisify(execFile);

/**
 * The programs for a server: of the lowest major that is at least the server's, since a newer one may write what the older
 * server can't read back; of that major the newest minor. LIFEBOAT_PG_BIN, when set, is the only place that is searched.
 *
 * @throws ConfigurationError `client-too-old` that names what was found
 */
export async function findClientTools(serverMajor: number, env: Environment = process.env): Promise<ClientTools> {
  const found = (await Promise.all((await folders(env)).map(inspect))).filter((tools) => tools !== undefined);
  const chosen = chooseTools(found, serverMajor);
  if (chosen !== undefined) return chosen;
  const versions = [...new Set(found.map(({ version }) => version))].sort();
  throw new ConfigurationError(
    "client-too-old",
    `The server is PostgreSQL ${serverMajor}; pg_dump must be of that version or newer, and ${versions.length === 0 ? "none was found" : `only ${versions.join(", ")} was found`}.`,
    `Install the PostgreSQL ${serverMajor} client tools (npm run setup does), or name their folder in LIFEBOAT_PG_BIN.`,
  );
}

/** Pure: the lowest sufficient major, then the newest minor, then the order in which they were found. */
function chooseTools(found: readonly ClientTools[], serverMajor: number): ClientTools | undefined {
  const sufficient = found.filter(({ major }) => major >= serverMajor);
  return sufficient.toSorted((a, b) => a.major - b.major || b.minor - a.minor)[0];
}

async function folders(env: Environment): Promise<string[]> {
  const told = optional(env, "LIFEBOAT_PG_BIN");
  if (told !== undefined) return told.split(delimiter);
  const cache =
    optional(env, "LIFEBOAT_CACHE") ?? join(optional(env, "XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "lifeboat");
  const below = async (folder: string): Promise<string[]> =>
    (await readdir(folder).catch(() => [])).map((name) => join(folder, name, "bin"));
  const path = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return [
    ...(await below(cache)),
    ...(await below(join(cache, "postgresql"))),
    ...(await below("/usr/lib/postgresql")),
    ...path,
  ];
}

async function inspect(folder: string): Promise<ClientTools | undefined> {
  const pgDump = join(folder, "pg_dump");
  try {
    // Most folders of a PATH have none, and to find that out by starting it copies this process, 10 ms of CPU each time.
    await access(pgDump, constants.X_OK);
    const { stdout } = await run(pgDump, ["--version"], { timeout: 20_000 });
    const version = /(\d+)\.(\d+)/.exec(stdout);
    if (version === null) return undefined;
    return {
      folder,
      pgDump,
      pgRestore: join(folder, "pg_restore"),
      psql: join(folder, "psql"),
      major: Number(version[1]),
      minor: Number(version[2]),
      version: version[0],
    };
  } catch {
    return undefined;
  }
}

/** Environment of a libpq program; disposing it removes the folder with the roots. */
export interface ChildEnvironment extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  /** Only we may enter it. */
  readonly folder: string;
}

/** What a child may know of our environment: nothing that is a secret. */
const inherited = ["PATH", "LD_LIBRARY_PATH", "HOME", "TMPDIR", "SYSTEMROOT"];

/**
 * Everything that pg_dump, pg_restore or psql need to reach the database, as environment: nothing of it shows in a
 * process list. The password is in the child's environment, which only its own user can read: a file would stay behind
 * when we are killed.
 */
export async function childEnvironment(
  settings: ConnectionSettings,
  options: { readonly applicationName: string; readonly env?: Environment },
): Promise<ChildEnvironment> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-"));
  await chmod(folder, 0o700);
  const ours = options.env ?? process.env;
  const env: Record<string, string> = {
    ...Object.fromEntries(inherited.flatMap((name) => (ours[name] === undefined ? [] : [[name, ours[name]]]))),
    LC_ALL: "C",
    PGHOST: settings.host,
    PGPORT: String(settings.port),
    PGUSER: settings.user,
    PGDATABASE: settings.database,
    PGAPPNAME: options.applicationName,
    PGCONNECT_TIMEOUT: "120",
    PGTZ: "UTC",
    PGOPTIONS: pinOptions(),
    PGSSLMODE: settings.tls.mode === "off" ? "disable" : "verify-full",
    PGGSSENCMODE: "disable",
    ...(settings.password === undefined ? {} : { PGPASSWORD: settings.password.reveal() }),
    PGPASSFILE: join(folder, "none"),
    PGSERVICEFILE: join(folder, "none"),
  };
  try {
    if (settings.tls.mode === "verify-full") {
      // As a file, because "system" is only understood from libpq 16 on.
      env["PGSSLROOTCERT"] = join(folder, "roots.pem");
      await writeFile(env["PGSSLROOTCERT"], trustedRoots(settings).join("\n"), { mode: 0o600 });
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return { env, folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
