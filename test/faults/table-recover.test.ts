import { describeRows } from "./table/describe-rows.ts";
import { recoverRows } from "./table/recover-rows.ts";
import { RecoverScene } from "./table/recover-scene.ts";

describeRows("somebody who can write the bucket, and a person who recovers by", recoverRows, RecoverScene.open);
