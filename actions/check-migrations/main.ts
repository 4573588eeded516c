import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/check-migrations/operation.ts";

await runAction(operation);
