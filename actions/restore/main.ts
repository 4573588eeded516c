import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/restore/operation.ts";

await runAction(operation);
