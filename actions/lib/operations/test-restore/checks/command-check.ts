import { spawn } from "node:child_process";
import { errorCode } from "../../../base/errors.ts";
import { type Environment, optional } from "../../../config/environment.ts";
import type { CommandCheck } from "../../../config/policy/restore-test.ts";
import { type Answer, failed, notRun, passed, timedOut } from "./check-result.ts";

const graceMs = 5000;

/**
 * Runs a program without a shell, in the current folder, with PATH, HOME, TMPDIR and the variables that the check names and
 * no others. What it prints is thrown away. When its time is over, it and all that it has started are ended.
 */
export async function runCommandCheck(check: CommandCheck, env: Environment, signal?: AbortSignal): Promise<Answer> {
  const given: Record<string, string> = {};
  for (const name of ["PATH", "HOME", "TMPDIR", ...check.env]) {
    const value = optional(env, name);
    if (value !== undefined) given[name] = value;
    else if (check.env.includes(name)) return notRun(`${name} is not set`);
  }
  const [program = "", ...args] = check.argv;
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
  }, check.timeoutSeconds * 1000);
  signal?.addEventListener("abort", end);
  try {
    return await new Promise<Answer>((resolve) => {
      child.on("error", (error) => resolve(failed(`it could not be started (${errorCode(error) ?? "no code"})`)));
      child.on("close", (code, by) => {
        if (late) resolve(timedOut(check.timeoutSeconds));
        else if (code === 0) resolve(passed("exit code 0"));
        else resolve(failed(code === null ? `ended by ${by}` : `exit code ${code}`));
      });
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
    kill("SIGKILL");
  }
}
