import type { Client } from "pg";
import { ConfigurationError, OperationError } from "../../base/errors.ts";
import type { Stop } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import { countOf } from "../../base/measures.ts";
import { readManagementApi } from "../../config/environment.ts";
import type { Config } from "../../config/load.ts";
import type { Fingerprint, Inventory } from "../../postgres/inventory/model.ts";
import { isVaultSecrets, readVaultSecrets, vaultSecretsArtifact } from "../../postgres/inventory/vault-secrets.ts";
import { largeObjectsArtifact, largeObjectsSql } from "../../postgres/rows/large-objects.ts";
import { captureConfiguration } from "../../supabase/configuration/capture.ts";
import {
  configurationArtifact,
  describeGaps,
  functionArtifact,
  rootKeyArtifact,
} from "../../supabase/configuration/document.ts";
import { openManagementApi } from "../../supabase/management-api.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import { type ArtifactStore, jsonSource } from "./artifact-store.ts";

/**
 * Copies the large objects under the set's own snapshot.
 *
 * @param client the session that holds the snapshot
 * @param objects as the server has measured them
 * @returns nothing where there are none
 * @throws OperationError `large-object-unreadable`, `dump-differs`, and what the vault throws
 */
export async function takeLargeObjects(
  client: Client,
  store: ArtifactStore,
  objects: Inventory["largeObjects"],
  log: Log,
): Promise<Artifact[]> {
  if (objects.length === 0) return [];
  const bytes = objects.reduce((sum, one) => sum + Number(one.bytes), 0);
  const track = log.track("large objects", { bytes, items: objects.length });
  try {
    const sql = largeObjectsSql(client, objects);
    const artifact = await store.put({ name: largeObjectsArtifact, kind: "large-objects" }, sql, track);
    track.end("done");
    return [artifact];
  } catch (error) {
    track.end("failed");
    throw error;
  }
}

/**
 * Copies Supabase Vault's secrets under the set's own snapshot, a line each: their values where the role may open them. There
 * is an artifact wherever there is a Vault, also an empty one: that it is missing tells nothing of what a project keeps.
 *
 * @param client the session that holds the snapshot
 * @param store asked for only where there is a Vault; seals with the session key of its own
 * @param said what the server says of its tables, by OID
 * @returns nothing where there is no Vault
 * @throws OperationError `secrets-failed`, `dump-differs`, and what the vault throws
 */
export async function takeSecrets(
  client: Client,
  store: () => Promise<ArtifactStore>,
  { tables }: Pick<Inventory, "tables">,
  said: ReadonlyMap<string, Fingerprint>,
  warn: (text: string) => void,
): Promise<Artifact[]> {
  const table = tables.find(isVaultSecrets);
  if (table === undefined) return [];
  let [secrets, sealed] = [0, 0];
  async function* lines(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const secret of readVaultSecrets(client)) {
      secrets++;
      if (secret.secret === null) sealed++;
      yield Buffer.from(`${JSON.stringify(secret)}\n`);
    }
  }
  const artifact = await (await store()).put({ name: vaultSecretsArtifact, kind: "secrets" }, lines());
  const counted = said.get(table.oid)?.rows;
  if (counted !== undefined && counted !== String(secrets)) {
    throw new OperationError(
      "dump-differs",
      `Vault has ${counted} secrets at the snapshot, and ${secrets} were read.`,
      "Run again; if it comes back, report it with this line.",
    );
  }
  if (sealed > 0) warn(unopened(sealed, secrets));
  return [artifact];
}

function unopened(sealed: number, all: number): string {
  return `${sealed} of ${countOf(all, "Vault secret")} are in the set as ciphertext only, which opens in no other project: the backup role may not open them. Run runbooks/sql/backup-role.sql again as postgres.`;
}

/** What has not come by then is missing: the set does not wait for an API. */
const longestCapture = 5 * 60_000;

/**
 * Reads the project's configuration from the Management API and stores it, beside what is read from the database. What the API
 * does stops no backup: what could not be read is missing in the document, and told.
 *
 * @param stores `secrets` is asked for only for Vault's root key; undefined where the database has no Vault
 * @returns nothing without SUPABASE_ACCESS_TOKEN and SUPABASE_PROJECT_REF
 * @throws what the vault throws, and the stop's reason
 */
export async function takeConfiguration(
  { env, projectRef, policy }: Pick<Config, "env" | "projectRef" | "policy">,
  stores: { readonly store: ArtifactStore; readonly secrets: (() => Promise<ArtifactStore>) | undefined },
  stop: Stop,
  tell: { readonly warn: (text: string) => void; readonly info: (text: string) => void },
): Promise<Artifact[]> {
  let settings: ReturnType<typeof readManagementApi>;
  try {
    settings = readManagementApi(env);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    tell.warn(`The set has none of the project's configuration: ${error.message}`);
    return [];
  }
  if (settings === undefined || projectRef === null) {
    tell.info(`The set has none of the project's configuration: ${unasked}`);
    return [];
  }
  const patience = AbortSignal.timeout(longestCapture);
  const signal = AbortSignal.any([stop.signal, patience]);
  const { store, secrets } = stores;
  const { functions, vaultRootKey } = policy.recovery.configuration;
  const artifacts: Artifact[] = [];
  const kind = "configuration" as const;
  const configuration = await captureConfiguration({
    api: openManagementApi({ ...settings, signal, spacing: 100, patience: shortPatience }),
    ...{ ref: projectRef, readAt: new Date(), signal: stop.signal, patience },
    ...(functions && {
      async keepBody(slug: string, body: Uint8Array) {
        artifacts.push(await store.putSmall({ name: functionArtifact(slug), kind }, body));
        return functionArtifact(slug);
      },
    }),
    ...(vaultRootKey &&
      secrets !== undefined && {
        async keepRootKey(key: string) {
          const line = Buffer.from(`${JSON.stringify({ root_key: key })}\n`);
          artifacts.push(await (await secrets()).putSmall({ name: rootKeyArtifact, kind: "secrets" }, line));
        },
      }),
  });
  artifacts.push(await store.put({ name: configurationArtifact, kind }, jsonSource(configuration)));
  for (const gap of describeGaps(configuration)) tell.warn(gap);
  return artifacts;
}

const unasked = "SUPABASE_ACCESS_TOKEN and SUPABASE_PROJECT_REF are not both set.";
const shortPatience = { attempts: 3, baseMillis: 1000, capMillis: 60_000 };
