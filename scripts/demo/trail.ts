import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { countOf } from "../../actions/lib/base/measures.ts";
import type { Config } from "../../actions/lib/config/load.ts";
import { entryKey } from "../../actions/lib/vault/audit/entry.ts";
import { readTrail } from "../../actions/lib/vault/audit/read-trail.ts";
import { verifyTrail } from "../../actions/lib/vault/audit/verify.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import type { Owner } from "./owner.ts";
import { runLifeboat } from "./run-lifeboat.ts";

/** The end of the trail, kept outside the vault as a run's report keeps it. @returns COUNT:SHA256 */
export async function noteHead({ vault: location }: Config<"vault">): Promise<string> {
  using vault = openVault(location);
  const { head } = await verifyTrail((await readTrail(vault)).objects, [], undefined);
  return `${head.count}:${head.sha256}`;
}

/**
 * Exports the audit trail and verifies it as somebody without Lifeboat does: by the script of stock tools. Then changes one word in a
 * copy, which the script has to name.
 * @param head as it was noted
 * @returns what the demo says of it @throws OperationError `demo-trail` where the script says something else
 */
export async function verifyTrailByScript(owner: Owner, head: string, signal: AbortSignal): Promise<string> {
  const env = { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", TMPDIR: owner.folder };
  const [trail, forged] = [join(owner.folder, "trail"), join(owner.folder, "trail-forged")];
  await runLifeboat(["audit", "export", "--out", trail], { env: { ...env, ...owner.settings }, signal });
  const verdictOn = (folder: string): string => {
    const args = [join(trail, "verify-audit.sh"), folder, "--head", head];
    const { stdout, stderr } = spawnSync("bash", args, { env, encoding: "utf8" });
    return `${stdout}${stderr}`;
  };
  const count = Number(head.split(":")[0]);
  expectSaid(verdictOn(trail), `proven to ${count}\nunsigned 0\nwhole`);

  cpSync(trail, forged, { recursive: true });
  const first = join(forged, entryKey(1));
  const entry = readFileSync(first, "utf8");
  writeFileSync(first, entry.replace('"operation":"repair"', '"operation":"backup"'));
  expectSaid(verdictOn(forged), "first 1 false");
  return `Audit trail: ${countOf(count, "entry", "entries")}, all proven by verify-audit.sh with sha256sum, jq and gpg; with one word of the first changed in a copy, it named that entry.`;
}

function expectSaid(said: string, wanted: string): void {
  if (said.includes(wanted)) return;
  throw new OperationError("demo-trail", `The script did not say "${wanted.replaceAll("\n", ", ")}", but: ${said}`);
}
