import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, realpath } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { type Environment, optional } from "../../config/environment.ts";

const run = promisify(execFile);

interface Tool {
  readonly program: string;
  /** What it is needed for, and from which version on. */
  readonly wanted: string;
  /** Packages that bring it: Debian and Ubuntu, Fedora, Alpine, Homebrew. */
  readonly packages: readonly [string, string, string, string];
}

const tools: readonly Tool[] = [
  { program: "bash", wanted: "4.4 or newer", packages: ["bash", "bash", "bash", "bash"] },
  { program: "gpg", wanted: "2.2 or newer: signatures, opening", packages: ["gnupg", "gnupg2", "gnupg", "gnupg"] },
  { program: "zstd", wanted: "1.4 or newer", packages: ["zstd", "zstd", "zstd", "zstd"] },
  {
    program: "psql",
    wanted: "17.6, 16.10, 15.14 or newer of its major version",
    packages: ["postgresql-client", "postgresql", "postgresql-client", "libpq"],
  },
  { program: "aws", wanted: "1.27, 2.9 or newer; or curl", packages: ["awscli", "awscli2", "aws-cli", "awscli"] },
  { program: "curl", wanted: "7.88 or newer, where there is no aws", packages: ["curl", "curl", "curl", "curl"] },
  { program: "tar", wanted: "GNU, for the files", packages: ["tar", "tar", "tar", "gnu-tar"] },
  {
    program: "sha256sum",
    wanted: "and the other basic programs of GNU",
    packages: ["coreutils", "coreutils", "coreutils", "coreutils"],
  },
  { program: "awk", wanted: "GNU's or mawk", packages: ["mawk", "gawk", "gawk", "gawk"] },
  { program: "sed", wanted: "GNU", packages: ["sed", "sed", "sed", "gnu-sed"] },
  { program: "jq", wanted: "1.6 or newer, for the audit trail alone", packages: ["jq", "jq", "jq", "jq"] },
  { program: "grep", wanted: "GNU", packages: ["grep", "grep", "grep", "grep"] },
];

/** Which programs a recovery needs, from which version on, in which packages, and which of them this machine had. */
export async function toolsPage(env: Environment): Promise<string> {
  const rows = await Promise.all(
    tools.map(async ({ program, wanted, packages }) => {
      const { version, sha256 } = await inspect(program, env);
      return `| \`${program}\` | ${wanted} | ${packages.map((name) => `\`${name}\``).join(" | ")} | ${version} | ${sha256} |`;
    }),
  );
  return [
    "# Tools\n",
    "What `recover.sh` starts, the packages that have it, and what was on the machine that made this kit, with the SHA-256 of the program itself.",
    "Any newer version does: sets are OpenPGP, zstd, tar and SQL.\n",
    "| program | wanted | Debian, Ubuntu | Fedora | Alpine | Homebrew | here was | SHA-256 |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

/** Of whichever comes first in LIFEBOAT_PG_BIN and PATH. */
async function inspect(program: string, env: Environment): Promise<{ version: string; sha256: string }> {
  const folders = [optional(env, "LIFEBOAT_PG_BIN") ?? "", env["PATH"] ?? ""].join(delimiter).split(delimiter);
  for (const folder of folders.filter((one) => one !== "")) {
    try {
      const path = await realpath(join(folder, program));
      const bytes = await readFile(path);
      const { stdout } = await run(path, ["--version"], { env: {}, timeout: 10_000 });
      const version = /\d+(?:\.\d+)+/.exec(stdout)?.[0];
      return { version: version ?? "–", sha256: `\`${createHash("sha256").update(bytes).digest("hex")}\`` };
    } catch {
      // Not here, or it tells no version.
    }
  }
  return { version: "–", sha256: "–" };
}
