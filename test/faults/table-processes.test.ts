import { describeRows } from "./table/describe-rows.ts";
import { processRows } from "./table/process-rows.ts";
import { ProcessScene } from "./table/process-scene.ts";
import { shareOf } from "./table/share.ts";

// The writes behind which a backup is killed are backup-killed.test.ts's; here it is the command's own process that dies.
const share = shareOf(processRows, ({ kind, outcome }) => [kind, outcome]);

describeRows(
  "the command line as a process that something happens to, in the stage of",
  share,
  ProcessScene.open,
  ({ backups }) => backups,
);
