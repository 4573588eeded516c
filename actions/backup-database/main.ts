import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/backup/operation.ts";

await runAction(operation);
