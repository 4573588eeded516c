import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/repair/operation.ts";

await runAction(operation);
