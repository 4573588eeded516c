import { spawn } from "node:child_process";
import { errorCode } from "../errors.ts";

/** A program of the owner's: each word is given as it is, no shell reads them. */
export interface Program {
  readonly argv: readonly string[];
  /** Variables that it gets beside PATH, HOME and TMPDIR, where they are set. */
  readonly env: readonly string[];
  readonly timeoutSeconds: number;
}

const graceMs = 5000;

/**
 * Runs a program in the current folder, with PATH, HOME, TMPDIR and the variables that it names and no others. What it prints
 * is thrown away: it may print rows. When its time is over, it and all that it has started are ended.
 *
 * @returns `late` when its time was over; else why it failed, e.g. `exit code 3`
 */
export async function runProgram(
  { argv, env: names, timeoutSeconds }: Program,
  env: Readonly<Record<string, string | undefined>>,
  signal?: AbortSignal,
): Promise<"done" | "late" | { readonly failed: string }> {
  signal?.throwIfAborted();
  const given = Object.fromEntries(["PATH", "HOME", "TMPDIR", ...names].map((name) => [name, env[name]]));
  const [program = "", ...args] = argv;
  // A group of its own, so that whatever it has started ends with it.
  const child = spawn(program, args, { env: given, stdio: "ignore", detached: true });
  let late = false;
  const kill = (how: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, how);
    } catch {
      // All of them have ended.
    }
  };
  const end = (): void => {
    kill("SIGTERM");
    setTimeout(() => kill("SIGKILL"), graceMs).unref();
  };
  const timer = setTimeout(() => {
    late = true;
    end();
  }, timeoutSeconds * 1000);
  signal?.addEventListener("abort", end);
  try {
    return await new Promise((resolve) => {
      child.on("error", (error) => resolve({ failed: `it could not be started (${errorCode(error) ?? "no code"})` }));
      child.on("close", (code, by) => {
        if (late) resolve("late");
        else if (code === 0) resolve("done");
        else resolve({ failed: code === null ? `ended by ${by}` : `exit code ${code}` });
      });
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
    kill("SIGKILL");
  }
}
