import { spawn } from "node:child_process";
import { constants } from "node:os";

const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

/**
 * Runs `node` with `args` in our place: same terminal, same exit code; signals to us reach it, and it decides when to
 * end. After a terminal's Ctrl-C it may hear the same signal twice.
 *
 * @param {string} node path of the Node to run
 * @param {readonly string[]} args
 */
export function runUnder(node, args) {
  const child = spawn(node, args, { stdio: "inherit" });
  for (const signal of signals) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("exit", (code, signal) => {
    process.exit(code ?? 128 + constants.signals[signal ?? "SIGTERM"]);
  });
}
