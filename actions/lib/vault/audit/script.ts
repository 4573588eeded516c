import { readFileSync } from "node:fs";

/** The script that verifies an exported trail with stock tools, for whoever has no Lifeboat: its text. */
export function auditScript(): string {
  return readFileSync(new URL("verify-audit.sh", import.meta.url), "utf8");
}
