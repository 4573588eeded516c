import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/drill/operation.ts";

await runAction(operation);
