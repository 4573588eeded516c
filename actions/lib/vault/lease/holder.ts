import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { z } from "zod";

/** A process, so exactly that another one on the same machine can tell whether it still runs. */
export const holderProcessSchema = z.object({
  host: z.string().max(255),
  pid: z.number().int(),
  /** Boot of the machine and namespace of the pid; null where the system doesn't tell. */
  boot: z.string().max(200).nullable(),
  /** Start of the process in clock ticks since boot: a pid is used again, a pid with its start is not. */
  started: z.string().max(40).nullable(),
});
export type HolderProcess = z.infer<typeof holderProcessSchema>;

export function thisProcess(): HolderProcess {
  return { host: hostname(), pid: process.pid, boot: bootAndNamespace(), started: startOf(process.pid) };
}

/**
 * True only when the holder ran on this machine, since its last boot and in our pid namespace, and does not run any more:
 * then nobody needs to wait for the lease to run out. Anything uncertain is false.
 */
export function holderIsGone(holder: HolderProcess): boolean {
  const boot = bootAndNamespace();
  if (boot === null || holder.started === null || holder.boot !== boot || holder.host !== hostname()) return false;
  return startOf(holder.pid) !== holder.started;
}

function bootAndNamespace(): string | null {
  try {
    // Of Linux: see proc(5) and pid_namespaces(7).
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return null;
  }
}

/** null when there is no such process, or the system doesn't tell; a process that waits to be reaped counts as gone. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in brackets may hold anything, so count from its end: state is field 3, the start field 22.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
