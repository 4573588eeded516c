import { fileURLToPath } from "node:url";
import type { Config } from "../../config/load.ts";
import { renderKitFirstPage, renderKitPrograms } from "../../recover/pages.ts";
import { readKeyring } from "../../seal/keys/keyring.ts";
import { auditScript } from "../../vault/audit/script.ts";
import { hashOf, kitIndex } from "../../vault/kits.ts";
import type { GatheredKeys } from "./gather-keys.ts";
import { runbooksPage } from "./runbooks-page.ts";

/** Where the pages are that go into the kit: this repository. */
const root = fileURLToPath(new URL("../../../../", import.meta.url));

/** Files of a kit that this version writes the same, whatever the vault holds: others mean that the kit is of another version. */
export const ofThisVersion = ["recover.sh", "s3.sh", "verify-audit.sh", "RUNBOOKS.md"] as const;

/** Those of them that it has, as they are written today. */
export function versionFiles(): Map<string, Buffer> {
  const texts = { ...renderKitPrograms(), "verify-audit.sh": auditScript(), "RUNBOOKS.md": runbooksPage(root) };
  return new Map(ofThisVersion.map((name) => [name, Buffer.from(texts[name])]));
}

/** The pinned keys whose public halves a kit must have. */
export function pinnedFingerprints({ policy: { keys } }: Pick<Config, "policy">): string[] {
  return [...new Set([...Object.values(keys.recipients), ...keys.signing])].filter((one) => one !== null);
}

export interface Contents {
  /** By name, sorted; the index and its signature not among them. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What is signed: each file's SHA-256 and name, as `sha256sum --check` reads it. */
  readonly index: Buffer;
  /** Fingerprints of the keys in it. */
  readonly keys: readonly string[];
}

/** All that a kit consists of. The same vault, policy and tools give the same bytes. Pure. */
export async function kitContents(
  { policy, publicKeys }: Pick<Config, "policy" | "publicKeys">,
  gathered: GatheredKeys,
  tools: string,
): Promise<Contents> {
  const { signers, recipients } = await readKeyring(publicKeys.armored);
  const known = new Set([...signers, ...recipients].map(({ fingerprint }) => fingerprint));
  const keys = pinnedFingerprints({ policy }).filter((one) => known.has(one));
  const recipientRows = Object.entries(policy.keys.recipients).flatMap(([role, pin]) =>
    pin === null ? [] : `| ${role} | \`${pin}\` |`,
  );
  const first = renderKitFirstPage({
    project: policy.project.name,
    signers: policy.keys.signing,
    recipients: recipientRows,
    sets: gathered.folders.length,
    newest:
      gathered.manifests
        .map(([folder]) => folder.split("/").at(-2) ?? "")
        .sort()
        .at(-1) ?? "none",
  });
  const texts: Readonly<Record<string, string>> = {
    "READ-ME-FIRST.md": first,
    "TOOLS.md": tools,
    "policy.json": `${JSON.stringify(policy, null, 2)}\n`,
    "public-keys.asc": `${publicKeys.armored.trim()}\n`,
    "signers.txt": lines(policy.keys.signing),
    "sets.tsv": lines(gathered.manifests.map((cells) => cells.join("\t"))),
  };
  const all = [
    ...versionFiles(),
    ...Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)] as const),
    ...[...gathered.files].map(([name, bytes]) => [`keys/${name}`, bytes] as const),
  ];
  const files = new Map<string, Uint8Array>(all.sort(([a], [b]) => (a < b ? -1 : 1)));
  const index = lines([...files].map(([name, bytes]) => `${hashOf(bytes)}  ${name}`));
  return { files, index: Buffer.from(index), keys };
}

/** The name of the tar's first files: who lists it sees what it is. */
export function tarOrder({ files, index }: Contents, signature: string): (readonly [string, Uint8Array])[] {
  return [[kitIndex, index], [`${kitIndex}.sig`, Buffer.from(signature)], ...files];
}

const lines = (of: readonly string[]): string => of.map((line) => `${line}\n`).join("");
