import { describeRows } from "./table/describe-rows.ts";
import { meddledFilesRows } from "./table/meddled-files-rows.ts";
import { MeddledFilesScene } from "./table/meddled-files-scene.ts";

describeRows("a vault in which somebody hides files:", meddledFilesRows, MeddledFilesScene.open);
