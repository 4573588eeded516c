import type { Check, Look } from "../check.ts";
import { careChecks } from "./care-checks.ts";
import { copyChecks } from "./copy-checks.ts";
import { vaultReader } from "./read-vault.ts";
import { safetyChecks } from "./safety-checks.ts";

/** What our own backups are asked: copies in time, proven and whole; kept safe; looked after. */
export function backupChecks(look: Look): readonly Check[] {
  const reader = vaultReader(look);
  const all = [...copyChecks(look, reader), ...safetyChecks(look, reader), ...careChecks(look, reader)];
  return all.map((check) => ({ ...check, group: "backups" }));
}
