import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Measured {
  /** Wall-clock time from start to end, the start of the interpreter included. */
  readonly seconds: number;
  /** User and system time of the process and of every child that it waited for; 0 where /proc does not tell. */
  readonly cpuSeconds: number;
  /** Of it the process's own, without its children. */
  readonly ownCpuSeconds: number;
  /** The same of the servers that it used (database and store). */
  readonly serverCpuSeconds: number;
  /** Most resident memory of the process itself, without its children, in bytes; 0 where /proc does not tell. */
  readonly peakBytes: number;
  readonly stdout: string;
}

export interface Run {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Processes whose CPU time, with that of their children, counts as the servers'. */
  readonly servers?: readonly number[];
  /** Exit codes that are fine, beside 0. */
  readonly alsoFine?: readonly number[];
}

/**
 * Runs a program to its end and measures it from outside. One at a time: CPU time is what this process's ended children
 * have used, so two at once could not be told apart.
 *
 * @throws when it ends with another code than those that are fine
 */
export function measure(run: Run): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const servers = (): number => (run.servers ?? []).reduce((sum, pid) => sum + cpuSeconds(pid, "with"), 0);
    const before = { own: cpuSeconds(process.pid, "only"), servers: servers(), at: performance.now() };
    const child = spawn(run.program, run.args, {
      env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...run.env },
      ...(run.cwd === undefined ? {} : { cwd: run.cwd }),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    let peakBytes = 0;
    let ownCpuSeconds = 0;
    // The kernel keeps the values itself: a late look misses only what came after it.
    const timer = setInterval(() => {
      peakBytes = Math.max(peakBytes, highWaterMark(child.pid ?? 0));
      ownCpuSeconds = Math.max(ownCpuSeconds, cpuSeconds(child.pid ?? 0, "without"));
    }, 20);
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr = (stderr + chunk).slice(-4000);
    });
    child.on("error", reject);
    child.on("close", (code) => {
      clearInterval(timer);
      const seconds = (performance.now() - before.at) / 1000;
      if (code !== 0 && !(run.alsoFine ?? []).includes(code ?? -1)) {
        reject(new Error(`${run.program} ended with ${code}:\n${stderr}`));
        return;
      }
      // A database server counts a session's time as its own only when it has seen it end.
      setTimeout(() => {
        const [own, used] = [cpuSeconds(process.pid, "only") - before.own, servers() - before.servers];
        resolve({ seconds, peakBytes, stdout, ownCpuSeconds, cpuSeconds: own, serverCpuSeconds: used });
      }, 200);
    });
  });
}

/** Linux counts these times in hundredths of a second on every machine (USER_HZ, proc(5)). */
const ticksPerSecond = 100;

/** CPU time of a process `with` or `without` its ended children, or of those `only`. */
function cpuSeconds(pid: number, children: "with" | "without" | "only"): number {
  try {
    // The name in parentheses may hold blanks; after it come the fields from the third on.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")
      .map(Number);
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
    const own = children === "only" ? 0 : user + system;
    return (own + (children === "without" ? 0 : childUser + childSystem)) / ticksPerSecond;
  } catch {
    return 0;
  }
}

function highWaterMark(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
