import { runBackup } from "../../actions/lib/backup/run-backup.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { collectInOneGo } from "../../actions/lib/runtime/collector.ts";
import { silentLog } from "../../actions/lib/runtime/log.ts";

/** Tells what fingerprints cost. Only the bench can leave them out: no command, input or policy does. */
collectInOneGo();
const config = await loadConfig({ needs: ["source", "vault", "signing"] });
await runBackup({ config, tier: "daily", log: silentLog, withoutFingerprints: true });
