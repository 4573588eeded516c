import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/retention/operation.ts";

await runAction(operation);
