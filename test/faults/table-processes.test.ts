import { describeRows } from "./table/describe-rows.ts";
import { processRows } from "./table/process-rows.ts";
import { ProcessScene } from "./table/process-scene.ts";

describeRows(
  "the command line as a process that something happens to, in the stage of",
  processRows,
  ProcessScene.open,
  ({ backups }) => backups,
);
