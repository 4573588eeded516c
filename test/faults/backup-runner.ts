import { onInterrupt } from "../../actions/lib/base/flow/stages.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";

/** A backup as a process of its own, configured by its environment: something that can be killed. */
const config = await loadConfig({ needs: ["source", "vault", "signing"] });
using interrupt = onInterrupt();
process.stdout.write("begun\n");
const { signal } = interrupt;
const { set } = await runBackup({ tier: "daily", config, log: silentLog, acceptShrinkage: true, signal });
process.stdout.write(`${set}\n`);
