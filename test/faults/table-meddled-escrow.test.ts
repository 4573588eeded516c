import { describeRows } from "./table/describe-rows.ts";
import { meddledEscrowRows } from "./table/meddled-escrow-rows.ts";
import { MeddledEscrow } from "./table/meddled-escrow-scene.ts";

describeRows("a vault in which somebody meddles with", meddledEscrowRows, MeddledEscrow.open);
