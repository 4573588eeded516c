import type { Log } from "../../base/log.ts";
import { countOf } from "../../base/measures.ts";
import type { Config } from "../../config/load.ts";
import { objectStates } from "../../vault/bucket/thaw.ts";
import { manifestVerifier, openingKey, trustedSigners, withVault } from "../../vault/configured.ts";
import { announceUse } from "../../vault/holds/uses.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { resolveSet } from "../../vault/sets/catalogue.ts";
import { openSet } from "../../vault/sets/open-set.ts";
import { targetConnector } from "../target/sessions.ts";
import { admitTarget } from "../target/whose.ts";
import { refuseFrozen } from "../thaw/thaw-set.ts";
import { type ExportLoad, findExport, loadExport } from "./load-export.ts";

export interface ExportLoadRequest {
  readonly config: Config<"vault" | "opening" | "target">;
  /** The vault, when the caller has it open already. */
  readonly vault?: Vault;
  /** A set's id, or `latest`: the newest of tier weekly. */
  readonly ref: string;
  readonly table: string;
  readonly dryRun?: boolean;
  /** Ref of the project that the export comes from, typed, when it is the target. */
  readonly production?: string | undefined;
  readonly log: Log;
  readonly signal?: AbortSignal;
}

/** Opens a set of the vault and loads one table's JSON export into the configured target: see `loadExport`. */
export async function runExportLoad(request: ExportLoadRequest): Promise<ExportLoad> {
  return withVault(request.vault, request.config.vault, (vault) => load(request, vault));
}

async function load(request: ExportLoadRequest, vault: Vault): Promise<ExportLoad> {
  const { config, ref, table, log, signal } = request;
  const marks = { verify: await manifestVerifier(config), passedOver: log.warn };
  const found = await resolveSet(vault, ref, { ...marks, ...(ref === "latest" && { tier: "weekly" as const }) });
  const keys = { trustedSigners: await trustedSigners(config), privateKey: await openingKey(config) };
  const open = await openSet(vault, found, keys);
  using _use =
    request.dryRun === true ? undefined : await announceUse(vault, { set: open.set, operation: "export" }, log);
  const inventory = await open.inventory();
  const { artifact } = findExport(open, inventory, table);
  refuseFrozen(open.set, await objectStates(vault, open.prefix, [artifact]));
  await admitTarget({
    ...{ config, fromSet: open.manifest.source.projectRef, typed: request.production, log, signal },
    what: "the project that the export comes from",
  });
  const client = await targetConnector(config, "export-load", { log, signal })();
  const hangUp = (): void => void client.end().catch(() => undefined);
  signal?.addEventListener("abort", hangUp, { once: true });
  try {
    return await loadExport({ open, inventory, table, client, dryRun: request.dryRun ?? false, log });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", hangUp);
    await client.end().catch(() => undefined);
  }
}

/** What was loaded; what is left to be looked at stands before it. */
export function exportLines(loaded: Awaited<ReturnType<typeof runExportLoad>>, target: string): string[] {
  const rows = countOf(loaded.rows, "row");
  if (loaded.outcome === "dry-run")
    return [`Dry run: ${rows} would be loaded into ${loaded.table} of target ${target}. Nothing was written.`];
  const unlooked = "- The table's triggers and foreign keys were silent: check references to rows of other tables.";
  return [
    ...(loaded.triggersOff ? [unlooked] : []),
    `${rows} of set ${loaded.set} (as of ${loaded.snapshotAt}) are in ${loaded.table} of target ${target}, equal to what was exported.`,
  ];
}
