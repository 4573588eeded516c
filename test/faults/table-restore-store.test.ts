import { describeRows } from "./table/describe-rows.ts";
import { RestoreScene } from "./table/restore-scene.ts";
import { restoreStoreRows } from "./table/restore-store-rows.ts";
import { shareOf } from "./table/share.ts";

describeRows(
  "a restore whose store fails, in the stage of",
  shareOf(restoreStoreRows),
  RestoreScene.open,
  (scene) => scene,
);
