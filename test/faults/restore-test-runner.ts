import { onInterrupt } from "../../actions/lib/base/flow/stages.ts";
import { type Log, silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runRestoreTest } from "../../actions/lib/operations/test-restore/run-restore-test.ts";

/** A restore test as a process of its own, which says each stage that begins: exit code 0 when the set is proven. */
const config = await loadConfig({ needs: ["vault", "opening", "target"], target: "staging" });
using interrupt = onInterrupt();
process.stdout.write("begun\n");
const group: Log["group"] = (title, work) => {
  process.stdout.write(`${title}\n`);
  return work();
};
const log = { ...silentLog, group };
const { outcome } = await runRestoreTest({ config, set: "latest", log, signal: interrupt.signal });
process.exitCode = outcome === "proven" ? 0 : 1;
