import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/kit/operation.ts";

await runAction(operation);
