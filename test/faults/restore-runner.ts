import { onInterrupt } from "../../actions/lib/base/flow/stages.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runRestore } from "../../actions/lib/operations/restore/run-restore.ts";

/** A restore as a process of its own: exit code 0 when the target is proven. */
const config = await loadConfig({ needs: ["vault", "opening", "target"] });
using interrupt = onInterrupt();
process.stdout.write("begun\n");
const { outcome } = await runRestore({ config, ref: "latest", log: silentLog, signal: interrupt.signal });
process.exitCode = outcome === "equal" ? 0 : 1;
