import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/monitor/operation.ts";

await runAction(operation);
