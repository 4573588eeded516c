import { onInterrupt } from "../../actions/lib/base/flow/stages.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runSync } from "../../actions/lib/operations/sync/run-sync.ts";

/** A full sync as a process of its own, configured by its environment: something that can be killed. */
const config = await loadConfig({ needs: ["source", "storageVault", "sourceStorage", "signing"] });
using interrupt = onInterrupt();
process.stdout.write("begun\n");
const { signal } = interrupt;
const { set } = await runSync({ tier: "daily", config, log: silentLog, signal, full: true });
process.stdout.write(`${set}\n`);
