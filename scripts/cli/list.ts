import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { setListPage } from "../../actions/lib/operations/list/sets-page.ts";
import { snapshotListPage } from "../../actions/lib/operations/list/snapshots-page.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { provenBy, trustedSigners } from "../../actions/lib/vault/configured.ts";
import { listSnapshots } from "../../actions/lib/vault/files/snapshot-catalogue.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { listSets } from "../../actions/lib/vault/sets/catalogue.ts";
import { provenSets } from "../../actions/lib/vault/sets/proof-store.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { readTier, tierOption } from "./tier.ts";

async function run(call: Call): Promise<Outcome> {
  const { values } = call;
  if (call.flags["files"] === true) return listFiles(call);
  const tier = readTier(values["tier"]);
  const newest = readNewest(values["newest"]);
  const config = await loadConfig({ needs: ["vault"] });
  const signers = await trustedSigners(config);
  using vault = openVault(config.vault);
  const sets = await listSets(vault, {
    tier,
    newest,
    verify: (bytes, armored) => verifyDetached(bytes, armored, signers),
  });
  const proven = new Map((await provenSets(vault, await provenBy(config))).map((one) => [one.set, one.provenAt]));
  const listed = sets.map((one) => ({ ...one, provenAt: proven.get(one.set) ?? null }));
  return { json: { bucket: vault.bucket, sets: listed }, lines: renderText(setListPage(vault.bucket, listed)) };
}

async function listFiles({ values }: Call): Promise<Outcome> {
  const config = await loadConfig({ needs: ["storageVault"] });
  const [tier, newest, signers] = [
    readTier(values["tier"]),
    readNewest(values["newest"]),
    await trustedSigners(config),
  ];
  using vault = openVault(config.storageVault);
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers);
  // Which tier a snapshot is of only its manifest says.
  const listed = await listSnapshots(vault, verify, { newest: tier === undefined ? newest : undefined });
  const snapshots = listed.filter(({ manifest }) => tier === undefined || manifest?.tier === tier).slice(0, newest);
  return { json: { bucket: vault.bucket, snapshots }, lines: renderText(snapshotListPage(vault.bucket, snapshots)) };
}

function readNewest(text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d{0,8}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new ConfigurationError("usage", `--newest ${text} is not a number of sets.`, "Give a whole number from 1 on.");
}

export const list: Command = {
  usage: {
    synopsis: "list",
    summary: "Lists the backup sets of the vault, newest first.",
    positionals: [],
    options: {
      tier: tierOption("only the sets of this tier: daily, weekly or monthly"),
      files: { type: "boolean", help: "the snapshots of the files instead of the database's sets" },
      newest: { type: "string", value: "N", help: "only the N newest sets" },
    },
    details: [
      "Reads S3_BACKUP_BUCKET (with --files S3_STORAGE_BUCKET) and the AWS_* settings. Signatures are checked against the pinned signing keys; a set is proven",
      "when a restore test's proof, signed by the pinned prover, is about the very bytes of its manifest.",
    ].join("\n"),
  },
  run,
};
