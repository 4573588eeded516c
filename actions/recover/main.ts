import { runAction } from "../lib/edge/action.ts";
import operation from "../lib/operations/recover/operation.ts";

await runAction(operation);
