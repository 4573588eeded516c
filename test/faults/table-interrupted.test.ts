import { describeRows } from "./table/describe-rows.ts";
import { interruptedRows } from "./table/interrupted-rows.ts";
import { InterruptedScene } from "./table/interrupted-scene.ts";
import { tableWanted } from "./table/reporter.ts";

// The later a command is interrupted, the more it leaves: each run plays the last step of every command, `npm run faults` all.
const last = [...new Map(interruptedRows.map((row) => [row.stage, row])).values()];
const rows = process.env[tableWanted] === "1" ? interruptedRows : last;

describeRows("whoever interrupts", rows, () => InterruptedScene.open());
