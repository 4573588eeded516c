import { describeRows } from "./table/describe-rows.ts";
import { interruptedRows } from "./table/interrupted-rows.ts";
import { InterruptedScene } from "./table/interrupted-scene.ts";

describeRows("whoever interrupts", interruptedRows, () => InterruptedScene.open());
