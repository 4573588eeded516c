import { spawn } from "node:child_process";
import { OperationError } from "../../actions/lib/base/errors.ts";

const lifeboat = new URL("../lifeboat.mjs", import.meta.url).pathname;

interface Surroundings {
  /** All that the command knows of its surroundings. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Default: ours. */
  readonly cwd?: string;
  /** Exit codes that are no failure; default: 0. */
  readonly fine?: readonly number[];
}

/** Runs a command of Lifeboat to its end. @returns what it printed @throws OperationError `demo-command-failed` */
export async function runLifeboat(
  args: readonly string[],
  { env, signal, cwd, fine = [0] }: Surroundings,
): Promise<string> {
  const child = spawn(process.execPath, [lifeboat, ...args], {
    env: { LIFEBOAT_REASON: "a demonstration", ...env },
    signal,
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors = `${errors}${chunk}`.slice(-2000);
  });
  const code = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (code !== null && fine.includes(code)) return output;
  throw new OperationError(
    "demo-command-failed",
    `lifeboat ${args[0]} ended with ${code}: ${errors}${output.slice(0, 1000)}`,
  );
}
