import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { trySabotaged } from "../../actions/lib/operations/drill/sabotage.ts";
import * as verify from "../../actions/lib/operations/verify/verify.ts";
import { readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import { openingKey, trustedSigners } from "../../actions/lib/vault/configured.ts";
import { type Sabotage, sabotages } from "../../actions/lib/vault/format/proof.ts";
import { overlaid } from "../../actions/lib/vault/s3/overlaid.ts";
import { readSignedSet } from "../../actions/lib/vault/sets/open-set.ts";
import { createProject, dropProject, type LabProject, seedQimma } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, keysIn, openBackupLab } from "./backup-lab.ts";

/** A set in which one thing was changed, as the recovery would read it. */

let lab: BackupLab;
let project: LabProject;
let set: string;
let stored: string;

const superuserUrl = sharedPostgres(17).superuserUrl();

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  project = await createProject(superuserUrl, `sabotaged_${process.pid}`);
  await seedQimma(project.postgresUrl, { bytes: 200_000, seed: 3 });
  ({ set } = await backUp(lab, project.backupUrl));
  stored = await etags();
});
afterAll(async () => {
  await dropProject(superuserUrl, project.name);
  await lab[Symbol.asyncDispose]();
});

async function etags(): Promise<string> {
  const heads = (await keysIn(lab.vault, "")).map(async (key) => `${key} ${(await lab.vault.head(key))?.versionId}`);
  return (await Promise.all(heads)).join("\n");
}

async function trial(seed: string) {
  const env = { ...lab.env(""), RESTORE_PRIVATE_KEY: lab.prover.key.armor() };
  const config = await loadConfig({ needs: ["vault", "opening"], env });
  const trusted = await trustedSigners(config);
  const { recipients } = await readKeyring(config.publicKeys.armored);
  const signed = await readSignedSet(lab.vault, set, trusted);
  const [prover, signal] = [await openingKey(config), new AbortController().signal];
  return trySabotaged({ vault: lab.vault, signed, trusted, prover, recipients, seed, log: silentLog, signal });
}

const seeds = Array.from({ length: 24 }, (_, seed) => seed.toString(16).padStart(8, "0"));

test("whatever a seed sabotages is refused, every kind among them, and nothing is written to the vault", async () => {
  const codes = new Map<Sabotage, Set<string | null>>();
  for (const seed of seeds) {
    const { kind, refusedBy } = await trial(seed);
    codes.set(kind, (codes.get(kind) ?? new Set()).add(refusedBy));
  }
  expect([...codes.keys()].toSorted()).toEqual([...sabotages].toSorted());
  expect(codes.get("manifest byte")).toEqual(new Set(["manifest-untrusted"]));
  expect(codes.get("foreign signature")).toEqual(new Set(["manifest-untrusted"]));
  for (const [kind, found] of codes) expect(found, kind).not.toContain(null);
  expect(await etags()).toBe(stored);
}, 120_000);

test("readers that look at nothing take a sabotaged set for a good one, and that is told", async () => {
  using blind = vi.spyOn(verify, "verifySet").mockImplementation(() => Promise.resolve({ outcome: "whole" } as never));
  const kinds = new Map<Sabotage, string | null>();
  for (const seed of seeds) {
    const { kind, refusedBy } = await trial(seed);
    if (kind === "missing part" || kind === "swapped artifacts") kinds.set(kind, refusedBy);
  }
  expect(Object.fromEntries(kinds)).toEqual({ "missing part": null, "swapped artifacts": null });
  expect(blind).toHaveBeenCalled();
}, 120_000);

test("a vault with changes laid over it shows them to every reader, and takes no write", async () => {
  const [first = "", second = ""] = await keysIn(lab.vault, "database/");
  const changed = overlaid(
    lab.vault,
    new Map([
      [first, { body: Buffer.from("other"), metadata: { a: "b" } }],
      [second, null],
    ]),
  );
  expect(await changed.get(first)).toMatchObject({ body: Buffer.from("other"), metadata: { a: "b" }, bytes: 5 });
  expect(await changed.head(first)).toMatchObject({ bytes: 5 });
  expect(await changed.head(second)).toBeUndefined();
  await expect(changed.get(second)).rejects.toMatchObject({ code: "s3-missing" });
  await expect(changed.put(first, Buffer.from("x"))).rejects.toThrow("only read");
  expect((await lab.vault.get(first)).bytes).not.toBe(5);
});
