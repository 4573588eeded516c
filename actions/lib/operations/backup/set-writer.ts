import { OperationError } from "../../base/errors.ts";
import { together } from "../../base/flow/bounded.ts";
import { countSet, storedBytes } from "../../compare/dump-checks.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import { renderRolesSql } from "../../postgres/inventory/roles.ts";
import { renderRecoverPage } from "../../recover/pages.ts";
import { signDetached } from "../../seal/keys/signature.ts";
import { peopleVerifier } from "../../vault/configured.ts";
import { notedErasures } from "../../vault/erasures/ledger.ts";
import { type Artifact, type Manifest, setPrefix } from "../../vault/format/manifest.ts";
import { lockPublished } from "../../vault/keys-lock.ts";
import { encodeManifest, publishSet } from "../../vault/sets/catalogue.ts";
import { type ArtifactStore, jsonSource, textSource } from "./artifact-store.ts";
import { boundShrinkage, readLastSet } from "./earlier-sets.ts";
import { compareWithLast, indexOf, type Measured, type SinceLast, storeIndex } from "./index-stage.ts";
import type { BackupResult } from "./result.ts";
import type { Catalogue } from "./schema-stage.ts";
import { type Draft, draftOf, openSetKeys, putPage, type SetWriterOptions } from "./set-keys.ts";

/** Writes one set: its keys first, its artifacts as they come, its manifest last. */
export interface SetWriter {
  readonly store: ArtifactStore;
  /** Where Vault's secrets go: under a second session key, which the prover does not get. Made when it is asked for. */
  readonly secrets: () => Promise<ArtifactStore>;
  add(artifact: Artifact): void;
  /** Stores what is known only when all has been read: roles, inventory, the index, RECOVER.md. */
  describe(read: Omit<Catalogue, "inventory">, inventory: Inventory, measured: Measured): Promise<void>;
  /** @throws OperationError `shrunk`, and what the vault throws; no set is visible then */
  publish(options: {
    acceptShrinkage: boolean;
    /** The files' snapshot that belongs to the set. */
    files?: { readonly set: string } | undefined;
  }): Promise<Omit<BackupResult, "stages" | "warnings" | "alarms" | "files">>;
}

export async function openSetWriter(options: SetWriterOptions): Promise<SetWriter> {
  const { set, tier, vault, ready, config, incident, stop, log, warnings, published, former } = options;
  const prefix = setPrefix(tier, set);
  const keys = await openSetKeys(options, prefix);
  const warn = (text: string): void => {
    warnings.push(text);
    log.warn(text);
  };
  const { store } = keys;
  const artifacts: Artifact[] = [];
  let draft: Draft | undefined;
  let inventory: Inventory | undefined;
  let size = "0";
  let last: Manifest | undefined;
  let sinceLast: SinceLast | undefined;

  return {
    store,
    secrets: keys.secrets,
    add: (artifact) => void artifacts.push(artifact),
    async describe({ snapshot, databaseBytes }, read, measured) {
      inventory = read;
      size = databaseBytes;
      const made = draftOf(options, snapshot, read, keys.sealing());
      draft = made;
      const index = indexOf(made, read, measured);
      const among = {
        vault,
        keys: { signing: [ready.signing, ...former] },
        policy: config.policy.backup.jumps,
        warn,
        signal: stop.signal,
      };
      const describing: (() => Promise<readonly Artifact[]>)[] = [
        async () => [await store.put({ name: "roles.sql.zst.pgp", kind: "roles" }, textSource(renderRolesSql(read)))],
        async () => [await store.put({ name: "inventory.json.zst.pgp", kind: "inventory" }, jsonSource(read))],
        () => storeIndex(store, keys.index, index),
        async () => {
          last = await readLastSet(vault, ready.keys.signers, warnings, published);
          sinceLast = await compareWithLast(index, last, among);
          return [];
        },
      ];
      artifacts.push(...(await together(stop, describing)).flat());
      artifacts.push(await putPage(vault, prefix, renderRecoverPage({ ...made, artifacts })));
    },
    async publish({ acceptShrinkage, files }) {
      if (draft === undefined || inventory === undefined)
        throw new OperationError("set-incomplete", "The set was not read to its end.");
      const counts = countSet(inventory, artifacts, size);
      const mark = await incident.mark();
      // What an incident has left is worth keeping as it is: under its mark it takes no good set's place.
      const { smallestShareOfLastSet } = config.policy.backup;
      const now = { counts, artifacts };
      boundShrinkage(last, now, smallestShareOfLastSet, acceptShrinkage || mark !== undefined, warnings);
      const named = { ...(files && { files: { set: files.set } }), ...(mark !== undefined && { incident: mark }) };
      const erasures = await notedErasures(vault, await peopleVerifier(config), last?.erasures, warn);
      const manifest: Manifest = {
        ...draft,
        ...named,
        ...erasures,
        finishedAt: new Date().toISOString(),
        counts,
        artifacts,
      };
      const bytes = encodeManifest(manifest);
      const signature = await signDetached(bytes, ready.signing);
      await publishSet(vault, manifest, bytes, signature, { lease: options.lease, signal: stop.signal });
      log.info(`Published ${prefix}manifest.json`);
      // After the manifest, which is locked too; before it, a run that dies here would leave what nobody may clean up.
      const until = await lockPublished(vault, manifest, config.policy, ready.bucketLocks);
      return {
        ...{ set, tier, bucket: vault.bucket, prefix, counts, retainUntil: until?.toISOString() ?? null },
        ...{ incident: mark ?? null, sinceLast: sinceLast ?? null },
        ...{ startedAt: manifest.startedAt, snapshotAt: manifest.snapshotAt, finishedAt: manifest.finishedAt },
        artifacts: artifacts.map((artifact) => ({
          ...{ name: artifact.name, kind: artifact.kind, plainBytes: artifact.plainBytes },
          storedBytes: storedBytes(artifact),
        })),
      };
    },
  };
}
