import { describeRows } from "./table/describe-rows.ts";
import { readingRows } from "./table/reading-rows.ts";
import { ReadingScene } from "./table/reading-scene.ts";
import { shareOf } from "./table/share.ts";

describeRows("a command that reads the vault while it fails:", shareOf(readingRows), ReadingScene.open);
