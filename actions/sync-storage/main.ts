import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/sync/operation.ts";

await runAction(operation);
