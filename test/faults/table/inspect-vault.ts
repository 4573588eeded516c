import { createHash } from "node:crypto";
import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { silentLog } from "../../../actions/lib/base/log.ts";
import { verifySet } from "../../../actions/lib/operations/verify/verify.ts";
import { parseManifest } from "../../../actions/lib/vault/sets/catalogue.ts";
import type { BackupLab } from "../../integration/backup-lab.ts";
import { removeLeftovers } from "../../integration/retention-lab.ts";

/** What is in the bucket below `database/`, as the store itself lists it. */
export interface InspectedVault {
  /** `database/<tier>/<set>/` of every set with a manifest. */
  readonly visible: readonly string[];
  /** Keys that belong to no visible set, in any version. */
  readonly strays: readonly string[];
  readonly unfinishedUploads: number;
}

export async function inspectVault(client: S3Client, bucket: string): Promise<InspectedVault> {
  const keys = new Set<string>();
  const visible: string[] = [];
  let at: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
  for (;;) {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: "database/", ...at }));
    for (const { Key = "", IsLatest } of page.Versions ?? []) {
      keys.add(Key);
      if (IsLatest === true && Key.endsWith("/manifest.json")) visible.push(Key.slice(0, -"manifest.json".length));
    }
    if (page.IsTruncated !== true) break;
    at = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
  }
  const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: "database/" }));
  return {
    visible,
    strays: [...keys].filter((key) => !visible.some((prefix) => key.startsWith(prefix))),
    unfinishedUploads: uploads.Uploads?.length ?? 0,
  };
}

/** Retention, as it would find the vault two days later. What it then leaves of runs that died is too much. */
export async function retentionLater({ vault }: Pick<BackupLab, "vault">): Promise<void> {
  const twoDays = new Date(Date.now() + 2 * 86_400_000);
  await removeLeftovers(vault, { async assertHeld() {} }, twoDays);
}

/**
 * What is wrong with a visible set: its bytes hashed here, and everything opened and compared by the deep verification.
 * @param deep false where that was done before: its bytes are the same then
 */
export async function problemsOf(client: S3Client, lab: BackupLab, prefix: string, deep = true): Promise<string[]> {
  const problems: string[] = [];
  const get = async (key: string): Promise<Uint8Array> => {
    const answer = await client.send(new GetObjectCommand({ Bucket: lab.bucket, Key: prefix + key }));
    return (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
  };
  const manifest = parseManifest(await get("manifest.json"), (why) => new Error(why));
  for (const { key, sha256 } of manifest.artifacts.flatMap(({ segments }) => segments)) {
    const found = createHash("sha256")
      .update(await get(key))
      .digest("hex");
    if (found !== sha256) problems.push(`${prefix}${key} is not what the manifest says`);
  }
  const { tier, set } = manifest;
  const options = { trustedSigners: lab.signers, deep, privateKey: lab.operations };
  const { findings } = await verifySet(lab.vault, { tier, set }, options, silentLog);
  // A set that could not be locked any more says so; the next run locks it.
  const serious = findings.filter(({ code }) => code !== "object-unlocked");
  return [...problems, ...serious.map(({ where, code }) => `${prefix}${where}: ${code}`)];
}

/** Which of the secrets stand in what was said. They are named by their place, not told. */
export function leaksIn(said: string, secrets: readonly string[]): string[] {
  return secrets.flatMap((secret, index) =>
    secret !== "" && said.includes(secret) ? [`secret ${index} was said`] : [],
  );
}
