import { runBackup } from "../../actions/lib/backup/run-backup.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { silentLog } from "../../actions/lib/runtime/log.ts";

/** A backup as a process of its own, configured by its environment: something that can be killed. */
const config = await loadConfig({ needs: ["source", "vault", "signing"] });
process.stdout.write("begun\n");
const { set } = await runBackup({ tier: "daily", config, log: silentLog, acceptShrinkage: true });
process.stdout.write(`${set}\n`);
