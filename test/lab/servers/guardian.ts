import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openToAll, serverAccount } from "./account.ts";

/**
 * Ends servers and removes folders when we are gone, however we went: it reads our orders from a pipe, and the pipe's
 * end is our end, by Ctrl-C, by SIGKILL or in the ordinary way. It runs in a session of its own, so that a terminal's
 * Ctrl-C does not reach it.
 */
export interface Guardian {
  /** A folder for this server's data, removed at the end. Anybody may pass through it, so that `nobody` reaches below. */
  readonly folder: string;
  /** Ends this process with `signal` at the end; what is still there after ten seconds is killed. */
  watch(pid: number, signal: "QUIT" | "KILL"): void;
  /** Removes this path as well. */
  remove(path: string): void;
  /** Ends and removes everything now. */
  finish(): Promise<void>;
  /** Leaves everything running and returns the path of a script that does what `finish` would have done. */
  leave(): string;
}

// A process that has ended but that nobody has asked about yet (Z) counts as gone.
const script = `
left() { read -r line < "/proc/$1/stat" && case $line in *") Z "*) return 1 ;; esac; kill -0 "$1"; }
watched=
while read -r order value; do
  case $order in
    leave) exit 0 ;;
    remove) set -- "$@" "$value" ;;
    *) watched="$watched $order:$value" ;;
  esac
done
for one in $watched; do kill -s "\${one%%:*}" "\${one#*:}"; done
for one in $watched; do
  tries=0
  while left "\${one#*:}"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ]; then kill -s KILL "\${one#*:}"; break; fi
    sleep 0.05
  done
done
for path do rm -rf -- "$path" || { sleep 0.5; rm -rf -- "$path"; }; done
`;

/** The usual one, unless root has made it its own: `nobody` could not reach its server's files. */
function temporaryFolder(): string {
  const usual = tmpdir();
  return serverAccount().uid === undefined || openToAll(usual) ? usual : "/tmp";
}

/** @param name of what it guards, for the folder's name */
export function startGuardian(name: string): Guardian {
  const folder = mkdtempSync(join(temporaryFolder(), `lifeboat-lab-${name}-`));
  const child = spawn("sh", ["-c", script, "guardian"], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  child.unref();
  const orders: string[] = [];
  const order = (line: string): void => {
    orders.push(line);
    child.stdin.write(`${line}\n`);
  };
  order(`remove ${folder}`);
  const ended = once(child, "exit");
  return {
    folder,
    watch: (pid, signal) => order(`${signal} ${pid}`),
    remove: (path) => order(`remove ${path}`),
    async finish() {
      child.ref();
      child.stdin.end();
      await ended;
    },
    leave() {
      const stop = join(folder, "stop.sh");
      writeFileSync(
        stop,
        `sh -c '${script.replaceAll("'", `'\\''`)}' guardian <<'ORDERS' 2>/dev/null\n${orders.join("\n")}\nORDERS\n`,
      );
      child.stdin.end("leave\n");
      return stop;
    },
  };
}
