import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A GnuPG of one's own: its keys in a temporary folder, its agent ended with it. */
export interface GnupgHome extends AsyncDisposable {
  /** Runs gpg without questions; what it prints. Rejects when it fails. */
  gpg(args: readonly string[], input?: Uint8Array): Promise<Buffer>;
  /** A shell command in which `gpg` finds this home. */
  shell(command: string): Promise<Buffer>;
  readonly folder: string;
}

export async function openGnupgHome(): Promise<GnupgHome> {
  // Directly below /tmp: the path of the agent's socket may not be longer than 107 bytes.
  const folder = await mkdtemp("/tmp/gnupg-");
  // How many rounds a passphrase is worth an agent finds out by trying, half a second at each start.
  await writeFile(join(folder, "gpg-agent.conf"), "s2k-count 65536\n");
  const env = { ...process.env, GNUPGHOME: folder, LC_ALL: "C" };
  const gather = (program: string, args: readonly string[], input?: Uint8Array): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] });
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
      child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
      child.stdin.on("error", () => {});
      child.stdin.end(input);
      child.on("error", reject);
      child.on("close", (status) => {
        if (status === 0) resolve(Buffer.concat(out));
        else reject(new Error(`${program} ended with ${status}: ${Buffer.concat(err)}`));
      });
    });
  return {
    folder,
    gpg: (args, input) => gather("gpg", ["--batch", "--yes", "--pinentry-mode", "loopback", ...args], input),
    shell: (command) => gather("bash", ["-o", "pipefail", "-c", command]),
    async [Symbol.asyncDispose]() {
      await run("gpgconf", ["--kill", "all"], { env });
      await rm(folder, { recursive: true, force: true });
    },
  };
}
