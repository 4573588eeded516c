import { lacksProjectStorage } from "../../config/environment.ts";
import { type Config, loadConfig, type Section } from "../../config/load.ts";
import { hasFilesVault } from "../../config/vault-location.ts";
import { openingKey, trustedSigners } from "../../vault/configured.ts";
import { openVault, type Vault } from "../../vault/s3/client.ts";
import { type OpenSet, openSet } from "../../vault/sets/open-set.ts";
import type { Context } from "../context.ts";

/** What a recovery reads: the buckets of the vault, or the replica in their place. */
export interface Sources {
  /** With `storageVault` where files are brought back, `target` and `targetStorage` where a person has made the target. */
  readonly config: Config<"vault" | "opening">;
  readonly vault: Vault;
  /** Of the files' snapshots; undefined where none is set: then no files come back. */
  readonly files: Vault | undefined;
}

interface Wanted {
  /** `replica`: one bucket stands in for both, and is only read. */
  readonly from: "vault" | "replica";
  /** Of the policy; null: a project is made. */
  readonly target: string | null;
}

/** @param closing closes what was opened */
export async function openSources(
  context: Context,
  { from, target }: Wanted,
  closing: DisposableStack,
): Promise<Sources> {
  const { env } = context;
  const prefix = target === null ? undefined : context.config().policy.targets[target]?.env;
  const needs: Section[] = ["vault", "opening"];
  if (from === "replica" || hasFilesVault(env)) needs.push("storageVault");
  if (target !== null) needs.push("target");
  if (prefix !== undefined && !lacksProjectStorage(env, prefix)) needs.push("targetStorage");
  const config: Config = await loadConfig({ needs, env, from, ...(target !== null && { target }) });
  const { vault, storageVault } = config as Config<"vault" | "opening"> & Partial<Config<"storageVault">>;
  return {
    config: config as Config<"vault" | "opening">,
    vault: closing.use(openVault(vault)),
    files: storageVault && closing.use(openVault(storageVault)),
  };
}

/** Opens a set of these sources with the key that the recovery has. @throws ConfigurationError as `openSet` and `openingKey` */
export async function openSourceSet(
  { config, vault }: Sources,
  { tier, set }: Pick<OpenSet, "tier" | "set">,
): Promise<OpenSet> {
  const keys = { trustedSigners: await trustedSigners(config), privateKey: await openingKey(config) };
  return openSet(vault, { tier, set }, keys);
}
