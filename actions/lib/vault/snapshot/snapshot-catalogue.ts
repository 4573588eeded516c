import { ConfigurationError, LifeboatError } from "../../runtime/errors.ts";
import type { Vault } from "../client.ts";
import { setIdPattern } from "../manifest.ts";
import { describeFirst, setIdsBelow } from "../set-folders.ts";
import { manifestName, type VerifySignature } from "../signed-manifest.ts";
import { snapshotPrefix } from "./keys.ts";
import type { SnapshotManifest } from "./snapshot-manifest.ts";
import { readSnapshot } from "./snapshot-store.ts";

/** One snapshot of the files. What its manifest says is null when that cannot be trusted; `problem` then says why. */
export interface ListedSnapshot {
  readonly set: string;
  readonly manifest: SnapshotManifest | null;
  readonly signature: "verified" | "refused";
  readonly problem: string | null;
}

/**
 * The snapshots of the vault, newest first: those with a manifest.
 * @param options.newest how many at most; all unless told
 */
export async function listSnapshots(
  vault: Vault,
  verify: VerifySignature,
  options: { readonly newest?: number | undefined } = {},
): Promise<ListedSnapshot[]> {
  const { newest = Number.POSITIVE_INFINITY } = options;
  return describeFirst(await runFolders(vault), newest, (run) => describe(vault, run, verify));
}

/** Every run that has left something below `snapshots/`, newest first, finished or not. */
export function runFolders(vault: Vault): Promise<string[]> {
  return setIdsBelow(vault, "snapshots/");
}

/**
 * Finds a snapshot by its id, or the newest. That it can be trusted is for `readSnapshot` to say.
 * @param wanted `latest` or an id
 * @throws ConfigurationError `set-id`, `snapshot-unknown`
 */
export async function resolveSnapshot(vault: Vault, wanted: string): Promise<string> {
  if (wanted !== "latest" && !setIdPattern.test(wanted))
    throw new ConfigurationError(
      "set-id",
      "A snapshot is named `latest` or like 20261122T221500Z-1a2b3c4d",
      "See `lifeboat list --files` for the names.",
    );
  for (const run of wanted === "latest" ? await runFolders(vault) : [wanted])
    if (await vault.head(snapshotPrefix(run) + manifestName)) return run;
  const what = wanted === "latest" ? "There is no snapshot of the files yet" : `There is no snapshot ${wanted}`;
  throw new ConfigurationError("snapshot-unknown", `${what} in bucket ${vault.bucket}`, "See `lifeboat list --files`.");
}

async function describe(vault: Vault, run: string, verify: VerifySignature): Promise<ListedSnapshot | undefined> {
  try {
    const { manifest } = await readSnapshot(vault, run, verify);
    return { set: run, manifest, signature: "verified", problem: null };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    if (error.code === "snapshot-unknown") return undefined;
    if (error.code !== "manifest-untrusted") throw error;
    return { set: run, manifest: null, signature: "refused", problem: error.message };
  }
}
