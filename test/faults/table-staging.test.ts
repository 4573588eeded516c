import { describeRows } from "./table/describe-rows.ts";
import { stagingRows } from "./table/staging-rows.ts";
import { StagingScene } from "./table/staging-scene.ts";

describeRows("a project that was marked as staging and has gone live:", stagingRows, StagingScene.open);
