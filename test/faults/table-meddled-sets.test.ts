import { describeRows } from "./table/describe-rows.ts";
import { meddledSetsRows } from "./table/meddled-sets-rows.ts";
import { MeddledSetsScene } from "./table/meddled-sets-scene.ts";

describeRows("a vault in which somebody hides sets:", meddledSetsRows, MeddledSetsScene.open);
