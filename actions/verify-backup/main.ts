import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/verify/operation.ts";

await runAction(operation);
