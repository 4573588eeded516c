import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runOperation } from "../../../actions/lib/edge/run-operation.ts";
import escrow from "../../../actions/lib/operations/escrow/operation.ts";
import type { DisasterStage } from "./stage.ts";

/** As the owner would: each value from a file, by `lifeboat escrow put`. */
export async function putIntoEscrow(
  { owner, production, signingKey }: DisasterStage,
  surrounded: Parameters<typeof runOperation>[2],
): Promise<void> {
  const values = {
    "auth:smtp_pass": String(production.auth["smtp_pass"]),
    "secret:STRIPE_KEY": production.secrets.get("STRIPE_KEY")?.value ?? "",
    "signing-key": signingKey,
  };
  const file = join(owner.folder, "value");
  for (const [name, value] of Object.entries(values)) {
    writeFileSync(file, value, { mode: 0o600 });
    const inputs = escrow.inputs.parse({ action: "put", name, file });
    const { page } = await runOperation(escrow, inputs, surrounded);
    surrounded.log.info(`  ${page?.sentence}`);
  }
}
