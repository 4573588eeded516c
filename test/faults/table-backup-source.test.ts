import { BackupScene } from "./table/backup-scene.ts";
import { backupSourceRows } from "./table/backup-source-rows.ts";
import { describeRows } from "./table/describe-rows.ts";
import { shareOf } from "./table/share.ts";

describeRows(
  "a backup whose source fails, in the stage of",
  shareOf(backupSourceRows),
  BackupScene.open,
  (scene) => scene,
);
