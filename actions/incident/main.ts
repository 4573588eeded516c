import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/incident/operation.ts";

await runAction(operation);
