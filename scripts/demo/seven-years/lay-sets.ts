import { createHash } from "node:crypto";
import { mapBounded } from "../../../actions/lib/base/flow/bounded.ts";
import { readPrivateKey } from "../../../actions/lib/seal/keys/private-key.ts";
import { signDetached } from "../../../actions/lib/seal/keys/signature.ts";
import { type Manifest, newSetId, setPrefix } from "../../../actions/lib/vault/format/manifest.ts";
import { proofPrefix } from "../../../actions/lib/vault/format/proof.ts";
import { manifestName, signatureName } from "../../../actions/lib/vault/published/signed-manifest.ts";
import type { Vault } from "../../../actions/lib/vault/s3/client.ts";
import { encodeManifest } from "../../../actions/lib/vault/sets/catalogue.ts";
import { storeUnpublished } from "../../../test/faults/proxy/test-manifest.ts";
import { type ModelSet, timeOf, type World } from "../../../test/lab/retention/world.ts";

/** Keys of the demo's owner that sign, armored, with their passphrases. */
export interface Signing {
  readonly signing: readonly [armored: string, passphrase: string];
  readonly prover: readonly [armored: string, passphrase: string];
}

/**
 * Lays every set that the story's vault has into a real one: signed manifests, objects as they name them, proofs of those that
 * a test has restored. Junk gets a manifest that nobody signed. The rows in them are noise: retention opens nothing.
 * @returns the id of each set, by its name in the story
 */
export async function laySets(vault: Vault, world: World, keys: Signing): Promise<ReadonlyMap<string, string>> {
  const [signing, prover] = await Promise.all([readPrivateKey(...keys.signing), readPrivateKey(...keys.prover)]);
  const names = new Map<string, string>();
  await mapBounded(
    world.sets.filter(({ manifest }) => manifest),
    8,
    async (one) => {
      const at = new Date(timeOf(world, one.at));
      const set = newSetId(at);
      names.set(one.name, set);
      const bytes = encodeManifest(manifestOf(await storeUnpublished(vault, one.tier, set), one, at));
      const prefix = setPrefix(one.tier, set);
      if (one.trusted) await vault.put(prefix + signatureName, Buffer.from(await signDetached(bytes, signing)));
      await vault.put(prefix + manifestName, bytes);
      if (one.provenAt === null) return [];
      const proof = proofOf(
        set,
        one,
        new Date(timeOf(world, one.provenAt)),
        at,
        createHash("sha256").update(bytes).digest("hex"),
      );
      await vault.put(`${proof.key}.sig`, Buffer.from(await signDetached(proof.bytes, prover)));
      await vault.put(proof.key, proof.bytes);
      return [];
    },
  );
  return names;
}

function manifestOf(made: Manifest, { verified, marked, terms }: ModelSet, at: Date): Manifest {
  const time = at.toISOString();
  return {
    ...made,
    ...{ startedAt: time, snapshotAt: time, finishedAt: new Date(at.getTime() + 300_000).toISOString() },
    ...(verified && { readBack: true as const }),
    ...(marked && { incident: newSetId(at) }),
    ...(terms !== null && { policy: { terms } }),
  };
}

function proofOf(set: string, { tier }: ModelSet, end: Date, snapshot: Date, manifestSha256: string) {
  const proof = newSetId(end);
  const none = { objects: 0, tables: 0, rows: "0", foreignKeysChecked: 0, databaseBytes: "0", storedBytes: "0" };
  const bytes = Buffer.from(
    JSON.stringify({
      ...{ format: "lifeboat-proof/1", proof, set, tier, manifestSha256, snapshotAt: snapshot.toISOString() },
      ...{ turn: "newest", startedAt: end.toISOString(), finishedAt: end.toISOString(), outcome: "proven" },
      target: { name: "staging", projectRef: "qimma-staging", kind: "plain", serverVersion: "17" },
      ...{ software: { lifeboat: "0", node: "24" }, counts: none, files: null, checks: [], performance: [] },
      ...{ differences: { failed: 0, expected: 0, unverified: 0 }, defect: null, stages: [] },
      ...{ restoreSeconds: 1, totalSeconds: 1 },
    }),
  );
  return { key: `${proofPrefix(set)}${proof}.json`, bytes };
}
