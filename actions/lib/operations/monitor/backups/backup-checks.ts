import type { Check, Look } from "../check.ts";
import { careChecks } from "./care-checks.ts";
import { copyChecks } from "./copy-checks.ts";
import { kitCheck } from "./kit-check.ts";
import { vaultReader } from "./read-vault.ts";
import { safetyChecks } from "./safety-checks.ts";

/** What our own backups are asked: copies in time, proven and whole; kept safe; looked after. */
export function backupChecks(look: Look): readonly Check[] {
  const reader = vaultReader(look);
  const care = [kitCheck(look, reader), ...careChecks(look, reader)];
  const all = [...copyChecks(look, reader), ...safetyChecks(look, reader), ...care];
  return all.map((check) => ({ ...check, group: "backups" }));
}
