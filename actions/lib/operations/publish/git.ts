import { spawn } from "node:child_process";
import { devNull } from "node:os";
import { mostAnswerBytes, tooLarge } from "../../base/bounded-answer.ts";
import type { Environment } from "../../config/environment.ts";

export interface GitAnswer {
  readonly code: number;
  readonly stdout: string;
  /** For finding out what went wrong, never to be printed: it may name the remote with its credentials. */
  readonly stderr: string;
}

export interface GitSettings {
  /** Where git works. */
  readonly folder: string;
  readonly env: Environment;
  /** Sent to `server` alone. */
  readonly token?: string | undefined;
  /** `https://github.com` */
  readonly server?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type Git = (args: readonly string[], input?: string) => Promise<GitAnswer>;

const inherited = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY"];

/**
 * Plain git as a child process: nobody's own settings, hooks or questions, English messages. The token stands in the child's environment, not
 * among its arguments, which every process of the machine can read.
 */
export function openGit({ folder, env, token, server, signal }: GitSettings): Git {
  const login = Buffer.from(`x-access-token:${token}`).toString("base64");
  const credentials =
    token === undefined || server === undefined
      ? { GIT_CONFIG_COUNT: "0" }
      : {
          GIT_CONFIG_COUNT: "1",
          GIT_CONFIG_KEY_0: `http.${server.replace(/\/+$/, "")}/.extraheader`,
          GIT_CONFIG_VALUE_0: `Authorization: basic ${login}`,
        };
  const childEnv = {
    ...Object.fromEntries(inherited.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: devNull,
    GIT_TERMINAL_PROMPT: "0",
    ...credentials,
  };
  return (args, input = "") =>
    new Promise((resolve, reject) => {
      const child = spawn("git", args, { cwd: folder, env: childEnv, ...(signal && { signal }) });
      const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
      let left = mostAnswerBytes;
      const keep = (into: Buffer[]) => (chunk: Buffer) => {
        left -= chunk.byteLength;
        if (left >= 0) into.push(chunk);
        else if (child.kill("SIGKILL")) reject(tooLarge(`What git ${args[0] ?? ""} says`, mostAnswerBytes));
      };
      child.stdout.on("data", keep(stdout));
      child.stderr.on("data", keep(stderr));
      child.on("error", reject);
      // A child that ends early does not read on; how it ended is told by its code.
      child.stdin.on("error", () => {});
      child.stdin.end(input);
      child.on("close", (code) =>
        resolve({
          code: code ?? 1,
          stdout: Buffer.concat(stdout).toString(),
          stderr: Buffer.concat(stderr).toString(),
        }),
      );
    });
}

/** Where the checkout that the job works in came from; undefined when it has no origin. */
export async function originOf(env: Environment): Promise<string | undefined> {
  const folder = env["GITHUB_WORKSPACE"] ?? process.cwd();
  const { code, stdout } = await openGit({ folder, env })(["-c", "safe.directory=*", "remote", "get-url", "origin"]);
  return code === 0 && stdout.trim() !== "" ? stdout.trim() : undefined;
}
