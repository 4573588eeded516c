import { describeRows } from "./table/describe-rows.ts";
import { reportsBranchRows } from "./table/reports-branch-rows.ts";
import { ReportsBranchScene } from "./table/reports-branch-scene.ts";

describeRows("the reports are published although somebody lays there:", reportsBranchRows, ReportsBranchScene.open);
