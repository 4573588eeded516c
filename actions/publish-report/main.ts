import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/publish/operation.ts";

await runAction(operation);
