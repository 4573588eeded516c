import { ConfigurationError } from "../../base/errors.ts";
import { formatBytes } from "../../base/measures.ts";
import { periodAround } from "../../policy/period.ts";
import { signatureCounts, signDetached } from "../../seal/keys/signature.ts";
import { manifestVerifier } from "../../vault/configured.ts";
import { newSetId } from "../../vault/format/manifest.ts";
import { hashOf, type Kit, kitLock, listKits, publishKit, readKitTar } from "../../vault/kits.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { kitContents, pinnedFingerprints, tarOrder } from "./contents.ts";
import { gatherKeys } from "./gather-keys.ts";
import { assertNew, tarOf, writeKitFile } from "./kit-file.ts";
import { reportBuilt, reportEmpty, reportThere } from "./page.ts";
import { toolsPage } from "./tools-page.ts";

export interface BuildRequest {
  readonly oncePer: "month" | undefined;
  readonly out: string | undefined;
  readonly dryRun: boolean;
}

/**
 * Makes a kit of what the vault has now.
 * @throws ConfigurationError `kit-signature`, `kit-file`; what `publishKit` throws
 */
export async function build(context: Context, { oncePer, out, dryRun }: BuildRequest): Promise<Told> {
  const config = context.config("vault", "signing");
  const vault = await context.vault();
  const verify = await manifestVerifier(config);
  const now = await vault.serverTime();
  if (out !== undefined) await assertNew(out);
  const there =
    oncePer === undefined ? undefined : await madeIn(vault, verify, oncePer, now, pinnedFingerprints(config));
  if (there !== undefined) {
    if (out !== undefined && !dryRun) await writeKitFile(out, await readKitTar(vault, there));
    return reportThere(there, out);
  }
  const key = await context.signingKey();
  const sign = (bytes: Uint8Array) => signDetached(bytes, key);
  if (!(await signatureCounts(sign, verify)))
    throw new ConfigurationError(
      "kit-signature",
      `Nobody would believe a kit that the key ${key.fingerprint} signs: it is not among the policy's signing keys.`,
      "Set BACKUP_SIGNING_KEY to the key that signs backups, or pin it (keys.signing).",
    );
  const files = context.has("storageVault") ? await context.files() : undefined;
  const gathered = await gatherKeys(vault, files, await context.signers());
  for (const line of gathered.leftOut) context.log.warn(`Left out of the kit: ${line}`);
  // A kit without keys would count as the month's.
  if (gathered.folders.length === 0 && gathered.lacking.length === 0) return reportEmpty();
  const contents = await kitContents(config, gathered, await toolsPage(context.env));
  const tar = tarOf(tarOrder(contents, await sign(contents.index)));
  const kit: Kit = {
    ...{ format: "lifeboat-kit/1", kit: newSetId(now), madeAt: now.toISOString() },
    ...{ bytes: tar.length, sha256: hashOf(tar), contents: hashOf(contents.index) },
    ...{ keys: [...contents.keys], folders: [...gathered.folders] },
  };
  context.log.info(`the kit has ${contents.files.size} files, ${formatBytes(tar.length)}`);
  const lockedUntil = await kitLock(vault, config.policy, now);
  if (!dryRun) {
    await publishKit(vault, kit, tar, sign, lockedUntil);
    if (out !== undefined) await writeKitFile(out, tar);
  }
  return reportBuilt({ kit, files: contents.files.size, gathered, lockedUntil, out, dryRun });
}

/** A kit of this month that has all keys of today: one that lacks a new key would be no help with what it signs or opens. */
async function madeIn(
  vault: Vault,
  verify: VerifySignature,
  period: "month",
  now: Date,
  keys: readonly string[],
): Promise<Kit | undefined> {
  const { from } = periodAround(period, now);
  for await (const one of listKits(vault, verify)) {
    if (!("document" in one)) continue;
    const { madeAt, keys: has } = one.document;
    return new Date(madeAt) >= from && keys.every((key) => has.includes(key)) ? one.document : undefined;
  }
  return undefined;
}
