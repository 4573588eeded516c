import { afterAll, beforeAll, expect, test } from "vitest";
import { rewrapRepairs } from "../../actions/lib/operations/keys/rewrap-repairs.ts";
import { applyRepair } from "../../actions/lib/operations/repair/apply/apply.ts";
import type { Change, ListedTable } from "../../actions/lib/operations/repair/change-list.ts";
import { removeRecords } from "../../actions/lib/operations/retention/records.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { readRepairs, repairPrefix } from "../../actions/lib/vault/repairs/records.ts";
import { repairKey } from "../../actions/lib/vault/repairs/store.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { createProject, dropProject, execute, type LabProject } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { newTestKey, type TestKey } from "./assembled-set.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";
import { openRepairLab, type RepairLab, rowsOf } from "./repair-lab.ts";

const server = () => sharedPostgres(17).superuserUrl();
let project: LabProject;
let successor: TestKey;
beforeAll(async () => {
  successor = await newTestKey("operations");
  project = await createProject(server(), "rewrap_repairs");
  await execute(
    project.postgresUrl,
    "create table public.t (id int primary key, v text); insert into public.t values (1, 'bad')",
  );
});
afterAll(() => dropProject(server(), "rewrap_repairs"));

const t: ListedTable = { schema: "public", name: "t", columns: ["id", "v"], key: ["id"] };
const list: Change[] = [{ t: 0, op: "update", key: ["1"], columns: [1], before: ["bad"], after: ["good"] }];

async function repaired(lock: boolean): Promise<{ lab: BackupLab; repairs: RepairLab; id: string }> {
  const lab = await openBackupLab(sharedS3(), { lock });
  const repairs = await openRepairLab(lab);
  await execute(project.postgresUrl, "update public.t set v = 'bad'");
  return { lab, repairs, id: (await repairs.repair(project.postgresUrl, [t], list)).id };
}

/** The key's successor takes its place; the former one counts still. */
function rotated({ store, verify }: RepairLab) {
  const [recipient] = successor.recipients;
  if (recipient === undefined) throw new Error("no recipient");
  const former = verify;
  return {
    store: { ...store, recipients: [{ ...recipient, role: "operations" as const }] },
    verify: async (bytes: Uint8Array, armored: string) =>
      verifyDetached(bytes, armored, successor.signers).catch(() => former(bytes, armored)),
    ...{ dryRun: false, warn: () => undefined },
  };
}

const keysBelow = async (vault: Vault, id: string) =>
  (await versionsBelow(vault.transport, `${repairPrefix(id)}keys`)).map(({ key }) => key.split("/").at(-1));

test("plans and undos are sealed to the new key alone, which takes a repair back; a second run changes nothing", async () => {
  const { lab, repairs, id } = await repaired(false);
  const options = rotated(repairs);
  expect(await rewrapRepairs({ ...options, dryRun: true })).toMatchObject([{ repair: id, outcome: "would-rewrap" }]);
  expect(await keysBelow(lab.vault, id)).toEqual(["keys.pgp"]);
  expect(await rewrapRepairs(options)).toMatchObject([
    { repair: id, outcome: "rewrapped", removedVersions: 1, keptVersions: [], problem: null },
  ]);
  const mine = { ...options, store: { ...options.store, key: successor.unlocked } };
  const [known] = (await readRepairs(lab.vault, options.verify)).repairs;
  if (known === undefined) throw new Error("the repair is not known any more");
  await expect(repairKey(lab.vault, known, repairs.store.key)).rejects.toMatchObject({ code: "wrong-private-key" });
  expect(await keysBelow(lab.vault, id)).toHaveLength(2);
  expect(await rewrapRepairs(mine)).toMatchObject([{ outcome: "unchanged", removedVersions: 0 }]);
  // Somebody who can write the bucket lays keys of his own there.
  await lab.vault.put(`${repairPrefix(id)}keys.pgp`, Buffer.from("junk"));
  await lab.vault.put(`${repairPrefix(id)}keys-0a0b0c0d.json`, Buffer.from("{}"));

  const { openSession } = await import("./repair-session.ts");
  const { placeOf } = await import("../../actions/lib/operations/repair/apply/settle.ts");
  const { planUndo } = await import("../../actions/lib/operations/repair/apply/plan-undo.ts");
  const { newSetId } = await import("../../actions/lib/vault/format/manifest.ts");
  const client = await openSession(project.postgresUrl);
  const here = await placeOf(client, null).finally(() => client.end());
  const as = newSetId(new Date());
  await planUndo(mine.store, (await readRepairs(lab.vault, options.verify, id)).repairs, here, { id, as });
  await applyRepair({ ...repairs.request(project.postgresUrl, as), store: mine.store, verify: options.verify });
  expect(await rowsOf(project.postgresUrl, "public.t")).toEqual(["(1,bad)"]);
  await lab[Symbol.asyncDispose]();
});

test("keys under a lock stay and are said, and a key whose signature does not count changes nothing", async () => {
  const { lab, repairs, id } = await repaired(true);
  const options = rotated(repairs);
  const stranger = { ...options, verify: repairs.verify, store: { ...options.store, key: lab.prover } };
  expect(await rewrapRepairs(stranger)).toMatchObject([
    { repair: id, outcome: "failed", problem: { code: "signing-key-missing" } },
  ]);
  expect(await keysBelow(lab.vault, id)).toEqual(["keys.pgp"]);
  const said: string[] = [];
  const [row] = await rewrapRepairs({ ...options, warn: (text) => void said.push(text) });
  expect(row).toMatchObject({ outcome: "rewrapped", removedVersions: 0, keptVersions: [{ until: expect.any(Date) }] });
  expect(said.join()).toContain("can still open the repair");
  await expect(repairs.undo(project.postgresUrl, id)).rejects.toMatchObject({ code: "wrong-private-key" });
  await lab[Symbol.asyncDispose]();
});

test("retention removes what is known of a repair when its term is over, and nothing that is locked", async () => {
  for (const lock of [false, true]) {
    const { lab, id } = await repaired(lock);
    const { policy } = await lab.config(project.backupUrl);
    const of = (days: number) =>
      removeRecords(lab.vault, {
        ...{ policy, gate: async () => null, isThere: () => true },
        now: Date.now() + days * 86_400_000,
      });
    const all = await versionsBelow(lab.vault.transport, repairPrefix(id));
    expect((await of(policy.retention.records.repairs - 1)).byPrefix).toEqual({});
    await of(policy.retention.records.repairs + 1);
    expect(await versionsBelow(lab.vault.transport, repairPrefix(id))).toHaveLength(lock ? all.length : 0);
    await lab[Symbol.asyncDispose]();
  }
});
