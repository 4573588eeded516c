import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Names of package.json's scripts. @param root the checkout */
export function packageScripts(root: string): string[] {
  const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  if (typeof manifest !== "object" || manifest === null || !("scripts" in manifest)) return [];
  return Object.keys(manifest.scripts ?? {});
}
