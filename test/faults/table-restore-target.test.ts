import { describeRows } from "./table/describe-rows.ts";
import { RestoreScene } from "./table/restore-scene.ts";
import { restoreTargetRows } from "./table/restore-target-rows.ts";
import { shareOf } from "./table/share.ts";

describeRows(
  "a restore whose target fails, in the stage of",
  shareOf(restoreTargetRows),
  RestoreScene.open,
  (scene) => scene,
);
