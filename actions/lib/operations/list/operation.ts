import { z } from "zod";
import { tierSchema } from "../../vault/format/manifest.ts";
import { field, flag, from } from "../field.ts";
import { defineOperation } from "../operation.ts";

/** A policy keeps fewer. Where a vault has thousands, the manifests of the newest ones are read, and of the others only told. */
const mostRead = 300;

export default defineOperation({
  name: "list",
  summary: "Lists the backup sets of the vault, newest first.",
  details: [
    "Reads S3_BACKUP_BUCKET (with --files S3_STORAGE_BUCKET) and the AWS_* settings. Signatures are checked against the pinned signing keys; a set is proven",
    "when a restore test's proof, signed by the pinned prover, is about the very bytes of its manifest.",
  ].join("\n"),
  inputs: z.object({
    tier: field(tierSchema.optional(), { value: "TIER", help: "only the sets of this tier: daily, weekly or monthly" }),
    files: flag("the snapshots of the files instead of the database's sets"),
    ...from,
    newest: field(z.coerce.number().int().min(1).max(999_999_999).optional(), {
      ...{ value: "N", help: "only the N newest sets", form: "a whole number from 1 on" },
    }),
    all: flag(`read the manifest of every set, where the vault has more than ${mostRead}`),
  }),
  needs: ({ files }) => [files ? "storageVault" : "vault"],
  writes: [],
  async run(context, { tier, files, newest, all }) {
    const { manifestVerifier, provenBy, releaseVerifier } = await import("../../vault/configured.ts");
    const { readHolds, whyHeld } = await import("../../vault/holds/register.ts");
    const verify = await manifestVerifier(context.config());
    if (files) {
      const { listSnapshots } = await import("../../vault/files/snapshot-catalogue.ts");
      const { snapshotListPage } = await import("./pages.ts");
      const vault = await context.files();
      // Which tier a snapshot is of only its manifest says.
      const listed = await listSnapshots(vault, verify, { newest: tier === undefined ? newest : undefined });
      const holds = await readHolds(vault, await releaseVerifier(context.config()));
      const snapshots = listed
        .filter(({ manifest }) => tier === undefined || manifest?.tier === tier)
        .slice(0, newest)
        .map((one) => ({ ...one, hold: whyHeld(holds, one.set) }));
      return { result: { bucket: vault.bucket, snapshots }, page: snapshotListPage(vault.bucket, snapshots) };
    }
    const { listSets } = await import("../../vault/sets/catalogue.ts");
    const { provenSets } = await import("../../vault/sets/proof-store.ts");
    const { setListPage } = await import("./pages.ts");
    const vault = await context.vault();
    const sets = await listSets(vault, { tier, newest, verify, ...(!all && { read: newest ?? mostRead }) });
    const proofs = await provenSets(vault, await provenBy(context.config()));
    const proven = new Map(proofs.map((one) => [one.set, one.provenAt]));
    const holds = await readHolds(vault, await releaseVerifier(context.config()));
    const listed = sets.map((one) => ({
      ...{ ...one, provenAt: proven.get(one.set) ?? null, hold: whyHeld(holds, one.set) },
    }));
    return { result: { bucket: vault.bucket, sets: listed }, page: setListPage(vault.bucket, listed) };
  },
});
