import { collectInOneGo } from "../../actions/lib/base/collector.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";

/** Tells what fingerprints cost. Only the bench can leave them out: no command, input or policy does. */
collectInOneGo();
const config = await loadConfig({ needs: ["source", "vault", "signing"] });
await runBackup({ config, tier: "daily", log: silentLog });
