import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Measured {
  readonly seconds: number;
  /** Most resident memory of the process itself, without its children, in bytes; 0 where /proc does not tell. */
  readonly peakBytes: number;
  readonly stdout: string;
}

/**
 * Runs a program to its end and measures it from outside. Its output is thrown away unless it is kept.
 *
 * @throws when it does not end with 0
 */
export function measure(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  keepOutput = false,
): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const path = process.env["PATH"] ?? "";
    const child = spawn(program, args, {
      env: { PATH: path, ...env },
      stdio: ["ignore", keepOutput ? "pipe" : "ignore", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    let peakBytes = 0;
    // The kernel keeps the highest value itself: a late look misses only what came after it.
    const timer = setInterval(() => {
      peakBytes = Math.max(peakBytes, highWaterMark(child.pid ?? 0));
    }, 20);
    child.stdout?.on("data", (chunk) => (stdout += chunk));
    child.stderr?.on("data", (chunk) => (stderr += chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      clearInterval(timer);
      if (code === 0) resolve({ seconds: (performance.now() - begun) / 1000, peakBytes, stdout });
      else reject(new Error(`${program} ended with ${code}:\n${stderr.slice(-2000)}`));
    });
  });
}

function highWaterMark(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
