import { onInterrupt } from "../../actions/lib/base/flow/stages.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runRestoreTest } from "../../actions/lib/operations/test-restore/run-restore-test.ts";

/** A restore test as a process of its own: exit code 0 when the set is proven. */
const config = await loadConfig({ needs: ["vault", "opening", "target"], target: "staging" });
using interrupt = onInterrupt();
process.stdout.write("begun\n");
const { outcome } = await runRestoreTest({ config, set: "latest", log: silentLog, signal: interrupt.signal });
process.exitCode = outcome === "proven" ? 0 : 1;
