import { describeRows } from "./table/describe-rows.ts";
import { junkRows } from "./table/junk-rows.ts";
import { JunkScene } from "./table/junk-scene.ts";

describeRows("ours is found without asking for each of very many:", junkRows, () => JunkScene.open());
