import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/cost/operation.ts";

await runAction(operation);
