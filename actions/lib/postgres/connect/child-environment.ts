import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectionSettings } from "../../config/connection-url.ts";
import type { Environment } from "../../config/environment.ts";
import { trustedRoots } from "./connect.ts";
import { pinOptions } from "./session.ts";

/** Environment of a libpq program; disposing it removes the folder with the roots. */
export interface ChildEnvironment extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
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
  return { env, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
