import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/erase/operation.ts";

await runAction(operation);
