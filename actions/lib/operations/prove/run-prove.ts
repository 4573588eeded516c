import type { Client } from "pg";
import type { Log } from "../../base/log.ts";
import { refsOfDatabase } from "../../config/environment.ts";
import type { Config } from "../../config/load.ts";
import { Sessions } from "../../postgres/connect/connect.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import { openProjectFiles } from "../../storage/project-files.ts";
import { objectStates } from "../../vault/bucket/thaw.ts";
import { openingKey, trustedSigners, withVault } from "../../vault/configured.ts";
import { announceUse } from "../../vault/holds/uses.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type OpenSet, openSet, type SetRef } from "../../vault/sets/open-set.ts";
import type { RestoreResult } from "../restore/result.ts";
import { compareFiles, type FilesComparison } from "../restore-files/compare-files.ts";
import { findSnapshotFor, openVaultSnapshot } from "../restore-files/vault-snapshot.ts";
import { brokenOff, targetConnector } from "../target/sessions.ts";
import { refuseFrozen } from "../thaw/thaw-set.ts";
import type { LikelyDifference } from "./likely.ts";
import { proveTarget } from "./prove-target.ts";

export interface ProveRequest {
  readonly config: Config<"vault" | "opening" | "target">;
  /** The vaults, when the caller has them open already. */
  readonly vault?: Vault;
  readonly snapshots?: Vault | undefined;
  /** Which set: its id, or `latest`. */
  readonly ref: SetRef;
  /** Given: the files that belong to the set are compared too. */
  readonly files?: Config<"storageVault" | "targetStorage"> | undefined;
  readonly log: Log;
  readonly signal?: AbortSignal;
}

/** How far a database, and its files, are those of a set. Names and counts only. */
export interface ProveResult extends Pick<RestoreResult, "set" | "tier" | "snapshotAt" | "target" | "stages"> {
  readonly outcome: Exclude<RestoreResult["outcome"], "dry-run">;
  readonly counts: Omit<RestoreResult["counts"], "foreignKeysChecked">;
  readonly differences: readonly LikelyDifference[];
  readonly files?: FilesComparison;
}

/**
 * Compares the configured target with a set of the vault: see `proveTarget`. Every session of it may only read.
 *
 * @throws ConfigurationError when set, snapshot, key or target are refused; OperationError what breaks on the way
 */
export async function runProve(request: ProveRequest): Promise<ProveResult> {
  return withVault(request.vault, request.config.vault, (vault) => prove(request, vault));
}

async function prove(request: ProveRequest, vault: Vault): Promise<ProveResult> {
  const { config, ref, log, signal } = request;
  const { target, policy } = config;
  const keys = { trustedSigners: await trustedSigners(config), privateKey: await openingKey(config) };
  const open = await openSet(vault, ref, { ...keys, passedOver: log.warn });
  using _use = await announceUse(vault, { set: open.set, operation: "prove" }, log);
  await using sessions = new Sessions(readOnly(targetConnector(config, "prove", { log, signal })), signal);
  try {
    const found = await proveTarget({
      ...{ open, log, connect: () => sessions.open() },
      // One session compares the catalogue beside those that read rows, one the files.
      jobs: Math.max(1, Math.min(policy.source.jobs, policy.source.connectionBudget - 3)),
      sameProject: refsOfDatabase(target).some((one) => one === open.manifest.source.projectRef),
      readable: async (artifacts) => refuseFrozen(open.set, await objectStates(vault, open.prefix, artifacts)),
    });
    const files = request.files && (await proveFiles(request, open.manifest, () => sessions.open()));
    const { source, facts, differences, stages } = found;
    return {
      outcome: together(found.outcome, files?.outcome),
      ...{ set: open.set, tier: open.tier, snapshotAt: open.manifest.snapshotAt },
      target: {
        ...{ name: target.name, database: facts.inventory.database, serverVersion: facts.inventory.serverVersion },
        kind: facts.supabase ? "supabase" : "plain",
      },
      counts: {
        ...{ objects: source.objects.length, tables: source.tables.length },
        rows: source.tables.reduce((sum, table) => sum + BigInt(table.fingerprint?.rows ?? "0"), 0n).toString(),
      },
      ...{ differences, ...(files && { files }), stages },
    };
  } catch (error) {
    throw brokenOff(error);
  }
}

/**
 * Sessions that the server lets write nothing. Rows that a policy would hide are refused instead of left out, and nobody
 * waits long for a lock: see `connect`.
 */
function readOnly(connect: () => Promise<Client>): () => Promise<Client> {
  return async () => {
    const client = await connect();
    await client.query("set default_transaction_read_only = on; set row_security = off; set statement_timeout = '6h'");
    return client;
  };
}

/** The files of the snapshot that was read together with the set, or else of the nearest one, which is said. */
async function proveFiles(
  request: ProveRequest,
  manifest: OpenSet["manifest"],
  connect: () => Promise<Client>,
): Promise<FilesComparison | undefined> {
  const { files } = request;
  if (files === undefined) return undefined;
  return withVault(request.snapshots, files.storageVault, (vault) =>
    compareWith(vault, { ...request, files }, manifest, connect),
  );
}

async function compareWith(
  vault: Vault,
  { config, files, log, signal }: ProveRequest & { readonly files: NonNullable<ProveRequest["files"]> },
  manifest: OpenSet["manifest"],
  connect: () => Promise<Client>,
): Promise<FilesComparison> {
  const trusted = await trustedSigners(config);
  const found = await findSnapshotFor(vault, manifest, (bytes, armored) => verifyDetached(bytes, armored, trusted));
  const keys = { trustedSigners: trusted, privateKey: await openingKey(config) };
  using _use = await announceUse(vault, { set: found.set, operation: "prove" }, log);
  const snapshot = await openVaultSnapshot(vault, found.set, keys);
  using target = openProjectFiles(files.targetStorage, { side: "target" });
  const { readBackBytes, requestsAtOnce } = config.policy.restoreFiles;
  const compared = await compareFiles({
    ...{ snapshot, client: await connect(), target, prefix: files.targetStorage.prefix, log, signal },
    ...{ readAllBytes: readBackBytes, width: requestsAtOnce },
  });
  const other = `No snapshot of the files was read together with the set; the nearest one, ${found.set}, is ${found.fit}.`;
  return found.fit === "same" ? compared : { ...compared, notes: [other, ...compared.notes] };
}

function together(database: ProveResult["outcome"], files: FilesComparison["outcome"] | undefined) {
  if (database === "differs" || files === "differs") return "differs";
  return database === "unverified" || files === "unverified" ? "unverified" : "equal";
}
