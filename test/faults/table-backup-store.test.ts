import { BackupScene } from "./table/backup-scene.ts";
import { backupStoreRows } from "./table/backup-store-rows.ts";
import { describeRows } from "./table/describe-rows.ts";
import { shareOf } from "./table/share.ts";

describeRows(
  "a backup whose store fails, in the stage of",
  shareOf(backupStoreRows),
  BackupScene.open,
  (scene) => scene,
);
