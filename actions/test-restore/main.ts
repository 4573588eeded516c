import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/test-restore/operation.ts";

await runAction(operation);
